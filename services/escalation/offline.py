"""`recourse case explain --offline`: the explanation from an export alone, on any machine.

Owns reading the export and proving that its policy is the one it names. Needs no database, no
broker and no clock; the decisions are made again by `core/replay.py`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import ValidationError

from schemas.pack import Pack
from services.escalation.core.journal import Journal, PinnedPolicy
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import ReplayDiffersError, explain_again
from services.packs import canonical, digest_of


def explain_offline(case_id: str, export: bytes) -> dict[str, Any]:
    """What `GET /v1/ladders/{case_id}/explain` answered when the export was made.

    Raises `ValueError` naming what is wrong: no export of this case, or the first difference
    between what it says and what its policy leads to.
    """
    try:
        journal = Journal.model_validate_json(export)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f"{place}: " if place else ""
        raise ValueError(f"not an export of a case: {where}{first['msg']}") from error
    if _uuid(case_id) != journal.case_id:
        raise ValueError(f"it is the export of case {journal.case_id}")
    return explain_again(journal, _policy(journal.policy), map(_policy, journal.earlier))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _policy(pinned: PinnedPolicy) -> Policy:
    digest = digest_of(canonical(pinned.document))
    if digest != pinned.digest:
        raise ReplayDiffersError(
            f"policy digest: the export says {pinned.digest}, its policy has {digest}"
        )
    return compile_policy(Pack.model_validate(pinned.document), digest)
