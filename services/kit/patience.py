"""Foreign messages that wait for their entity: tried again, and given up after a set time.

Owns the pace and the end of the wait.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from services.kit.batch import Batch
from services.kit.foreign import ForeignLogic
from services.kit.sorting import Bad, Reader, Sorted
from services.kit.unit import QUERIES, Entities
from services.kit.wire import unpack

_LIMIT = 200
_IDLE_S = 1.0


class Patience:
    """The waiting room of one service's foreign topics."""

    def __init__(
        self,
        entities: Entities,
        reader: Reader,
        foreign: ForeignLogic,
        *,
        unknown_wait_s: float,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._entities = entities
        self._reader = reader
        self._foreign = foreign
        self._wait_s = unknown_wait_s
        self._seconds = seconds
        self._tried_first: dict[bytes, float] = {}

    async def step(self) -> float:
        """Try those whose time has come; answers the seconds to rest."""
        if not await self._entities.db.fetch(QUERIES["foreign_due"]):
            return _IDLE_S
        async with self._entities.transaction() as unit:
            rows = await unit.conn.fetch(QUERIES["claim_foreign"], _LIMIT)
            items: list[Sorted] = []
            for row in rows:
                raw = unit.sealer.open_raw(row["raw"], row["hash"])
                topic = self._reader.prefix + row["topic"]
                record = unpack(topic, row["part"], row["offset_"], raw)
                if self._in_vain(row["hash"]):
                    items.append(Bad(record, row["topic"], row["reason"], "waited in vain"))
                else:
                    items.append(self._reader.sort(record))
            batch = Batch(unit, self._entities.streams, self._reader, None, self._foreign)
            await batch.take(items)
            done = [row["hash"] for row in rows if row["hash"] not in batch.kept_waiting]
            await unit.conn.execute(QUERIES["drop_foreign"], done)
        batch.count()
        for hash_ in done:
            self._tried_first.pop(hash_, None)
        return _IDLE_S

    def _in_vain(self, hash_: bytes) -> bool:
        """Whether a message was tried for as long as is set, by this process and its own clock.

        Not by the database's: after downtime, or when that clock jumps, what the message waits for
        may be right behind it.
        """
        now_s = self._seconds()
        return now_s - self._tried_first.setdefault(hash_, now_s) > self._wait_s
