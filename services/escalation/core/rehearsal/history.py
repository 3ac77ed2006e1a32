"""The history of one case as an export carries it: what happened to it, not what came of it.

Owns these shapes. A history holds no personal data, for it is made of journal entries; what was
decided is left out, since another policy decides anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from schemas.case import CaseClassified, CaseOpened
from services.escalation.core.journal import PinnedPolicy, Triggered

FORMAT: Final = "recourse.history.v1"
OPENING: Final = CaseOpened.type_name()
CLASSIFYING: Final = frozenset({OPENING, CaseClassified.type_name()})
"""The events that say what a case is."""


class Head(BaseModel):
    """The first line: every policy that a case below is pinned to, and when the export was made.

    Cases that were open at `taken_at` are played until then.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["recourse.history.v1"]
    taken_at: datetime
    policies: tuple[PinnedPolicy, ...]


class History(BaseModel):
    """One case: its triggers in the order in which they were decided about."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    case_id: UUID
    policy: str
    """The digest of the policy that the case was opened under."""
    entries: Annotated[tuple[Triggered, ...], Field(min_length=1)]


def history_of(case_id: UUID, entries: Sequence[Triggered]) -> History:
    """The history of a case; its policy is the one that its opening names."""
    policy = next((e.data["policy"]["digest"] for e in entries if "policy" in e.data), "")
    return History(case_id=case_id, policy=policy, entries=tuple(entries))
