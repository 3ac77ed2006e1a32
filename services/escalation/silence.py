"""Whether the stream of a case's partition is silent while something of the case is due.

Owns the one look at `progress` that commands and answers need (design rule 8); the timers have
their own. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from schemas.topics import CASES
from services.kit.entities import Entity
from services.kit.unit import QUERIES, Unit


async def silent_cases(
    unit: Unit, entities: Iterable[Entity], stale_after: timedelta
) -> frozenset[UUID]:
    """Those of the entities that have something due although their stream is silent."""
    due = [each for each in entities if _is_due(each, unit.now) and each.partition is not None]
    if not due:
        return frozenset()
    rows = await unit.conn.fetch(QUERIES["progress_of"], CASES)
    heard: dict[int, datetime] = {row["part"]: row["t"] for row in rows}
    return frozenset(
        each.id
        for each in due
        if each.partition in heard and unit.real_now - heard[each.partition] > stale_after
    )


def _is_due(entity: Entity, now: datetime) -> bool:
    return entity.wake_at is not None and entity.wake_at <= now
