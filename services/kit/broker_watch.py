"""The watch over the broker: one that forgot everything, and a consumer that stopped fetching.

Owns when the consumer is rebuilt; aiokafka has no public sign of a consumer that is dead.
"""

from __future__ import annotations

import asyncio

import structlog

from services.kit.bus import Bus
from services.kit.outlet import KafkaOutlet

_log = structlog.get_logger(__name__)
_SILENT_S = 60.0


class BrokerWatch:
    """Notices a broker that forgot everything, and a consumer that stopped fetching."""

    def __init__(self, outlet: KafkaOutlet, bus: Bus) -> None:
        self._outlet = outlet
        self._bus = bus
        self._cluster: str | None = None
        self._seen: dict[object, int] = {}
        self._moved_at: float | None = None

    async def step(self) -> float:
        """Look once; answers the seconds to rest."""
        current = await self._outlet.cluster_id()
        if self._cluster not in (None, current):
            _log.warning("another_broker", cluster=current)
            await self._bus.restart()
        self._cluster = current
        await self._wake_the_dead()
        return 1.0

    async def _wake_the_dead(self) -> None:
        now = asyncio.get_running_loop().time()
        answers = {partition: at for partition, (at, _) in self._bus.fetched_at().items()}
        surplus = not answers and self._bus.well()  # more replicas than partitions: all is well
        if self._moved_at is None or answers != self._seen or surplus:
            self._seen, self._moved_at = dict(answers), now
        elif now - self._moved_at > _SILENT_S:
            _log.error("consumer_silent", seconds=_SILENT_S)
            self._moved_at = now
            await self._bus.restart()
