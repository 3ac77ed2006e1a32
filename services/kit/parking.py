"""The parking lot of one batch: records whose turn has not come, and those whose turn came.

Owns the rows of table `parked` and the counter on the entity; the gap rule decides who waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.entities import Entity
from services.kit.gap import Verdict
from services.kit.rows import columns
from services.kit.sorting import Reader, Sequenced
from services.kit.unit import QUERIES, Unit
from services.kit.wire import pack, unpack

_log = structlog.get_logger(__name__)
Key = tuple[str, int, bytes]


class ParkingLot:
    """What waits for the entities of one transaction."""

    def __init__(self, unit: Unit, reader: Reader) -> None:
        self._unit = unit
        self._reader = reader
        self._waiting: dict[UUID, dict[Key, Sequenced]] = defaultdict(dict)
        self._came: dict[tuple[UUID, Key], tuple[Sequenced, str]] = {}
        self._left: set[tuple[UUID, Key]] = set()

    async def load(self, entities: Iterable[Entity]) -> list[Sequenced]:
        """Read what waits, only of entities that say they have something; answers it all."""
        ids = [entity.id for entity in entities if entity.parked]
        for row in await self._unit.conn.fetch(QUERIES["parked_of"], ids) if ids else ():
            topic = self._reader.prefix + row["topic"]
            item = self._reader.sort(unpack(topic, row["part"], -1, row["raw"]))
            if isinstance(item, Sequenced):
                self._waiting[row["entity"]][row["topic"], row["seq"], row["hash"]] = item
        return [item for kept in self._waiting.values() for item in kept.values()]

    def of(self, entity: Entity) -> list[Sequenced]:
        """What waits for an entity, in order of topic and sequence."""
        return [item for _, item in sorted(self._waiting[entity.id].items(), key=lambda p: p[0])]

    def enter(self, entity: Entity, item: Sequenced, reason: str) -> None:
        """Have a record wait; the same record again changes nothing."""
        key = _key(item)
        if key in self._waiting[entity.id]:
            return
        if reason == Verdict.FORK:
            telemetry.FORKS.inc()
            _log.error("fork", entity=str(entity.id), topic=item.topic, seq=item.event.sequence)
        self._waiting[entity.id][key] = item
        self._came[entity.id, key] = (item, reason)
        entity.parked += 1
        self._unit.touch(entity)

    def leave(self, entity: Entity, item: Sequenced) -> None:
        """A record's turn came, or it turned out to be seen already."""
        key = _key(item)
        del self._waiting[entity.id][key]
        if self._came.pop((entity.id, key), None) is None:
            self._left.add((entity.id, key))
        entity.parked -= 1
        self._unit.touch(entity)

    async def write(self) -> None:
        """Write both, set-based."""
        if self._came:
            rows = [
                (id, *key, reason, item.record.partition, pack(item.record))
                for (id, key), (item, reason) in self._came.items()
            ]
            await self._unit.conn.execute(QUERIES["park"], *columns(rows))
        if self._left:
            gone = [(id, *key) for id, key in sorted(self._left)]
            await self._unit.conn.execute(QUERIES["unpark"], *columns(gone))


def _key(item: Sequenced) -> Key:
    return item.topic, item.event.sequence, item.hash
