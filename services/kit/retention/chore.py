"""The chore that prunes what is older than its class is kept, in small batches, and tells how much.

Owns the pace and the report. May be stopped at any time, and run by every replica at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import Counter, Gauge

from services.kit.retention.classes import DataClass, Due, Prunes
from services.kit.unit import Entities

PRUNED = Counter("recourse_retention_pruned", "Rows pruned by class of data", ["kept"])
DUE = Gauge("recourse_retention_due", "Rows older than their class is kept", ["kept"])
_BATCH: Final = 500
_BATCHES: Final = 20
_COUNTED: Final = 10_000
_REST_S: Final = 600.0
_SOON_S: Final = 1.0


class Retention:
    """The classes of one service, and their pruning."""

    def __init__(self, entities: Entities, classes: Sequence[DataClass]) -> None:
        self._entities = entities
        self._classes = classes

    async def step(self) -> float:
        """Some batches of each class; answers the seconds to rest."""
        more = False
        for each in self._classes:
            before = await self._before(each)
            if before is not None and each.prune is not None:
                more |= await _prune(each.name, each.prune, before)
                due = await _due(each, before)
                DUE.labels(kept=each.name).set(due.number)
        return _SOON_S if more else _REST_S

    async def report(self) -> list[dict[str, Any]]:
        """Every class: for how long it is kept, and how much is to go now."""
        return [await self._line(each) for each in self._classes]

    async def _line(self, each: DataClass) -> dict[str, Any]:
        before = await self._before(each)
        due = await _due(each, before) if before is not None else Due(0, None)
        return {
            "kept": each.name,
            "about": each.about,
            "days": each.days,
            "due": due.number,
            "due_at_least": due.number >= _COUNTED,
            "oldest": due.oldest.isoformat() if due.oldest else None,
        }

    async def _before(self, each: DataClass) -> datetime | None:
        if each.period is None:
            return None
        now = await self._entities.now()
        return (now.domain if each.domain else now.real) - each.period


async def _prune(name: str, prune: Prunes, before: datetime) -> bool:
    """Whether there may be more than was taken now."""
    for _ in range(_BATCHES):
        pruned = await prune(before, _BATCH)
        PRUNED.labels(kept=name).inc(pruned.number)
        if not pruned.more:
            return False
    return True


async def _due(each: DataClass, before: datetime) -> Due:
    return await each.count(before, _COUNTED) if each.count is not None else Due(0, None)
