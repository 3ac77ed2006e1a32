"""The batch consumer: one batch, one transaction; a poison message stops one entity, no more.

Owns order, parking, dead letters and halving. The offsets are committed by the bus after
`handle` returns; whatever is delivered again meets the gap rule. Knows no broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.kit import telemetry
from services.kit.batch import Batch
from services.kit.db import DATA_ERRORS, RETRYABLE_ERRORS
from services.kit.entities import Logic
from services.kit.foreign import ForeignLogic
from services.kit.parting import apart, by_entity
from services.kit.sorting import Bad, Beat, Reader, Sequenced, Sorted, Stranger, is_work, sort_all
from services.kit.tidings import NOTHING, Fetched, note_progress
from services.kit.together import all_of
from services.kit.unit import Entities
from services.kit.wire import Record

_log = structlog.get_logger(__name__)
_BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True, slots=True)
class Consumer:
    """Takes batches of records for one service."""

    name: str
    entities: Entities
    reader: Reader
    logic: Logic | None = None
    foreign: ForeignLogic | None = None
    patience_s: float = 45.0
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def handle(self, records: Sequence[Record]) -> bool:
        """Take a batch whole; answers whether there was work in it.

        Raises only what no retry can mend, or after `patience_s`.
        """
        items = sort_all(self.reader, records)
        fetched = self._behind(records)
        parts = apart(items)
        if len(parts) == 1:
            await self._with_retries(items, fetched)
        else:  # what is taken in parts is behind us only when all of them are
            await all_of(self._with_retries(part, NOTHING) for part in parts)
            await self._with_retries((), fetched)
        return any(is_work(item) for item in items)

    def _behind(self, records: Sequence[Record]) -> Fetched:
        """The next offset of each partition once these are taken; they ascend in each."""
        found = {(record.topic, record.partition): record.offset + 1 for record in records}
        return {
            (topic.removeprefix(self.reader.prefix), partition): following
            for (topic, partition), following in found.items()
        }

    async def _with_retries(self, items: Sequence[Sorted], fetched: Fetched) -> None:
        deadline = asyncio.get_running_loop().time() + self.patience_s
        for attempt in range(10_000):
            try:
                return await self._take_or_halve(items, fetched)
            except RETRYABLE_ERRORS as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                telemetry.RETRIES.labels(reason=type(error).__name__).inc()
                _log.warning("batch_retry", error=type(error).__name__, attempt=attempt)
                await self.pause(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
        return None

    async def _take_or_halve(self, items: Sequence[Sorted], fetched: Fetched) -> None:
        """Take them; what is halved has its offsets behind it only with the last half."""
        try:
            await self._take(items, fetched)
        except DATA_ERRORS as error:
            groups = by_entity(items)
            if len(groups) > 1:
                _log.warning("batch_halved", error=type(error).__name__, entities=len(groups))
                middle = len(groups) // 2
                first = [item for group in groups[:middle] for item in group]
                await self._take_or_halve(first, NOTHING)
                rest = [item for group in groups[middle:] for item in group]
                await self._take_or_halve(rest, fetched)
            elif len(items) > 1:
                await self._take_or_halve(items[:1], NOTHING)
                await self._take_or_halve(items[1:], fetched)
            else:
                await self._take([_condemned(items[0], error)], fetched)

    async def _take(self, items: Sequence[Sorted], fetched: Fetched) -> None:
        beats = [item for item in items if isinstance(item, Beat)]
        if len(beats) == len(items):  # all there is while nothing happens
            await note_progress(self.entities.db, self.entities.streams, beats, fetched)
            return
        in_sequence = any(isinstance(item, Sequenced) for item in items)
        async with self.entities.transaction(locks_first=in_sequence) as unit:
            batch = Batch(unit, self.entities.streams, self.reader, self.logic, self.foreign)
            await batch.take(items, fetched)
        batch.count()


def _condemned(item: Sorted, error: BaseException) -> Sorted:
    """The one item that the database refuses, as a dead letter."""
    if isinstance(item, Sequenced):
        return Bad(
            item.record, item.topic, "refused_by_database", type(error).__name__,
            item.entity, item.event.sequence,
        )  # fmt: skip
    if isinstance(item, Stranger):
        return Bad(item.record, item.topic, "refused_by_database", type(error).__name__)
    raise error
