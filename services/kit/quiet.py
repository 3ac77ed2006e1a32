"""What is in flight in this service: for the local stack, which moves a simulated clock by it.

Owns the report. Real deployments may ask too; it discloses counts only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from services.kit.bus import Bus
from services.kit.unit import QUERIES, Entities

Extra = Callable[[datetime], Awaitable[tuple[list[str], dict[str, int]]]]


class QuietReport:
    """Answers `GET /internal/quiet?since=`."""

    def __init__(
        self,
        entities: Entities,
        bus: Bus | None,
        extra: Extra,
        counters: Callable[[], dict[str, int]],
        stale_after_s: float,
    ) -> None:
        self._entities = entities
        self._bus = bus
        self._extra = extra
        self._counters = counters
        self._stale_after = timedelta(seconds=stale_after_s)
        self._fetches: dict[Any, tuple[int, int]] = {}

    async def __call__(self, since_ms: int) -> dict[str, Any]:
        """`busy` is empty when nothing is in flight and every partition was fetched empty."""
        now = await self._entities.now()
        heard = next(iter(self._entities.streams.inputs), "")
        row = await self._entities.db.fetchrow(
            QUERIES["pending"], now.domain, heard, self._stale_after
        )
        if row is None:
            raise RuntimeError("the database gave no counts")
        busy = [f"{what}: {row[what]}" for what in ("unpublished", "due", "held") if row[what]]
        extra_busy, extra_counters = await self._extra(now.domain)
        due = row["next_due"]
        return {
            "busy": busy + extra_busy + self._unfetched(since_ms),
            "counters": {**self._counters(), **extra_counters},
            "next_due": due.isoformat() if due else None,
            "now": now.domain.isoformat(),
        }

    def _unfetched(self, since_ms: int) -> list[str]:
        """Partitions not yet fetched empty by a fetch that began after `since_ms`.

        Only the instants of answers are known: of two different answers after `since_ms` the
        later was to a fetch that began after it, since a consumer fetches one after another.
        """
        if self._bus is None:
            return []
        found = self._bus.fetched_at()
        if not found:
            return ["consumer has no partitions"]
        assigned = {partition.topic for partition in found}
        waiting = [f"not assigned: {topic}" for topic in self._bus.topics if topic not in assigned]
        for partition, (answered_ms, empty) in found.items():
            first, latest = self._fetches.get(partition, (0, 0))
            if first <= since_ms:
                first = answered_ms
            latest = answered_ms
            self._fetches[partition] = (first, latest)
            if not (empty and since_ms < first < latest):
                waiting.append(f"not yet fetched: {partition.topic}/{partition.partition}")
        return waiting
