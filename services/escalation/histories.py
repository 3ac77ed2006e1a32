"""The histories of all cases, page by page: what `recourse policy simulate` plays again.

Owns the reading. A history is what happened to a case, without what was decided; it holds no
personal data, as the journal holds none.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

from services.escalation.core.rehearsal.history import history_of
from services.escalation.journal import triggered
from services.escalation.store import QUERIES
from services.kit.http import id_in, page
from services.kit.unit import Entities


async def histories(entities: Entities, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of histories by case id."""
    after = id_in(cursor)
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
