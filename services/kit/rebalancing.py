"""What happens when partitions come and go: a batch is finished first, what was lost is read again.

Owns where reading begins. The broker's word holds, unless this database was set back (a restored
backup): then it knows less than the broker was told, and what is between is read once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition

from services.kit import telemetry
from services.kit.db import UNREACHABLE
from services.kit.unit import QUERIES, Entities

_log = structlog.get_logger(__name__)
_PAUSE_S: Final = 0.5
Known = Callable[[], Awaitable[Mapping[tuple[str, int], int]]]
"""The next offset of each (topic, partition) that the database knows; where it knows none, it has
read nothing."""


def known_by(entities: Entities, prefix: str) -> Known:
    """What a service's database knows of how far it has read; topics there have no prefix."""

    async def known() -> dict[tuple[str, int], int]:
        rows = await entities.db.fetch(QUERIES["fetched"])
        return {(prefix + row["topic"], row["part"]): row["next"] for row in rows}

    return known


class Rebalancing(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is untyped
    """Holds a rebalance until the batch in flight is committed, within bounds; then rewinds."""

    def __init__(
        self,
        timeout_s: float,
        commit: Callable[[], Awaitable[None]],
        known: Known | None,
        consumer: Callable[[], Any],
    ) -> None:
        self._timeout_s = timeout_s
        self._commit = commit
        self._known = known
        self._consumer = consumer
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """A batch is being handled."""
        self._idle.clear()

    def end(self) -> None:
        """It is done."""
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether a batch is being handled now."""
        return not self._idle.is_set()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Called before the group moves partitions away."""
        try:
            await asyncio.wait_for(self._idle.wait(), self._timeout_s)
            await self._commit()
        except TimeoutError:
            _log.warning("drain_timeout", partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called before the first fetch of what has come."""
        consumer = self._consumer()
        if consumer is None or self._known is None or not assigned:
            return
        known = await self._once_it_answers(self._known)
        answers = await asyncio.gather(*(consumer.committed(at) for at in assigned))
        told = dict(zip(assigned, answers, strict=True))
        for at, next_ in to_rewind(known, told):
            _log.error("set_back", topic=at.topic, partition=at.partition, lost=told[at] - next_)
            telemetry.REWOUND.inc(told[at] - next_)
            consumer.seek(at, next_)

    async def _once_it_answers(self, known: Known) -> Mapping[tuple[str, int], int]:
        """Without its database a service can take nothing anyway."""
        while True:
            try:
                return await known()
            except UNREACHABLE as error:
                _log.warning("positions_unknown", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_S)


def to_rewind(
    known: Mapping[tuple[str, int], int], told: Mapping[TopicPartition, int | None]
) -> Iterable[tuple[TopicPartition, int]]:
    """Partitions of which the broker was told more than the database knows, and where to begin.

    The database is always written first, so that it never knows less of itself.
    """
    for at, committed in told.items():
        next_ = known.get((at.topic, at.partition), 0)
        if committed is not None and next_ < committed:
            yield at, next_
