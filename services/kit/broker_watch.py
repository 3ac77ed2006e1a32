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


class Stillness:
    """Whether what is watched has stood still for too long; begins with the first look. Pure."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._seen: object = None
        self._moved_at: float | None = None

    def too_long(self, now: float, seen: object, well: bool = False) -> bool:
        """Look at an instant; once it was too long, the wait begins anew."""
        if self._moved_at is None or seen != self._seen or well:
            self._seen, self._moved_at = seen, now
        elif now - self._moved_at > self._longest_s:
            self._moved_at = now
            return True
        return False


class BrokerWatch:
    """Notices a broker that forgot everything, and a consumer that stopped fetching."""

    def __init__(self, outlet: KafkaOutlet, bus: Bus) -> None:
        self._outlet = outlet
        self._bus = bus
        self._cluster: str | None = None
        self._stillness = Stillness(_SILENT_S)

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
        if self._stillness.too_long(now, answers, surplus):
            _log.error("consumer_silent", seconds=_SILENT_S)
            await self._bus.restart()
