"""The histories of all cases, page by page: what `recourse policy simulate` plays again.

Owns the reading. A history is what happened to a case, without what was decided; it holds no
personal data, as the journal holds none.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from services.escalation.core.rehearsal.history import history_of
from services.escalation.journal import triggered
from services.escalation.store import QUERIES
from services.kit.faults import Invalid
from services.kit.http import decode_cursor, page
from services.kit.unit import Entities

_FIRST: Final = UUID(int=0)


async def histories(entities: Entities, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of histories by case id."""
    after = _after(cursor)
    last = await entities.db.fetchrow(QUERIES["last_of_page"], after, limit)
    rows = await entities.db.fetch(QUERIES["histories"], after, limit)
    items = [
        history_of(case_id, [triggered(row) for row in group]).model_dump(
            mode="json", exclude_defaults=True
        )
        for case_id, group in groupby(rows, key=itemgetter("case_id"))
    ]
    taken_at = (await entities.now()).domain.isoformat()
    return {"taken_at": taken_at, **page(items, str(last["last"]) if last else None)}


def _after(cursor: str | None) -> UUID:
    following = decode_cursor(cursor)
    try:
        return UUID(following) if following is not None else _FIRST
    except (ValueError, AttributeError) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error
