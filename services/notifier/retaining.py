"""How long the notifier keeps the texts it has sent: so many days, never while their case is open.

Owns which texts those are: a case's story says whether it is over. That a message was sent, to whom
and when, stays.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from schemas.vocabulary import Status
from services.kit.entities import Entity
from services.kit.retention.classes import DataClass, Due, Pruned
from services.kit.unit import Entities
from services.notifier.core.story import load
from services.notifier.store import QUERIES

_OVER: Final = frozenset({Status.CLOSED, Status.WITHDRAWN, Status.MERGED})
_FIRST: Final = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class Texts:
    """The rendered texts. Those of open cases are passed by, and looked at again next time."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._after: tuple[datetime, UUID] | None = None

    async def prune(self, before: datetime, most: int) -> Pruned:
        """Take the texts of a page of old messages, as far as their cases are over."""
        async with self._entities.transaction() as unit:
            at, last = self._after or _FIRST
            rows = await unit.conn.fetch(QUERIES["old_texts"], before, at, last, most)
            self._after = (rows[-1]["planned_at"], rows[-1]["id"]) if len(rows) == most else None
            locked = await unit.lock({row["case_id"] for row in rows})
            over = {id for id, entity in locked.items() if _is_over(entity, before)}
            gone = [row["id"] for row in rows if row["case_id"] in over]
            await unit.conn.execute(QUERIES["drop_texts"], gone)
        return Pruned(len(gone), self._after is not None)

    async def count(self, before: datetime, most: int) -> Due:
        """Old messages that have a text; some may belong to cases that are still open."""
        row: Any = await self._entities.db.fetchrow(QUERIES["count_old_texts"], before, most)
        return Due(row["due"], row["oldest"])


def retained(entities: Entities, days: int) -> DataClass:
    """The texts of messages whose case is over."""
    texts = Texts(entities)
    about = "texts of messages of cases that are over, from the last that happened; who, when stay"
    return DataClass("texts", about, days or None, texts.prune, texts.count, domain=True)


def _is_over(entity: Entity, before: datetime) -> bool:
    """Whether nothing has happened to it since, and nothing will unless it is reopened."""
    if entity.last_at is not None and entity.last_at >= before:
        return False
    return entity.state is None or load(entity.state).status in _OVER
