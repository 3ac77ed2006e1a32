"""What operators do about dead letters and parked cases: look, requeue, skip, republish.

Owns the effect of each on an entity's position; a requeued message goes the way every message
goes. The bytes of a dead letter are personal data: who shows them answers for it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.kit.batch import Batch
from services.kit.entities import Logic
from services.kit.faults import Erased, Invalid, NotFound, Refused
from services.kit.foreign import ForeignLogic, forget
from services.kit.sorting import Reader, Sequenced, Stranger
from services.kit.unit import QUERIES, Entities, Unit
from services.kit.wire import StoredRecord, unpack

_LIMIT = 1000


class Clinic:
    """The dead letters and parked records of one service."""

    def __init__(
        self,
        entities: Entities,
        reader: Reader,
        logic: Logic | None,
        foreign: ForeignLogic | None,
    ) -> None:
        self._entities = entities
        self._reader = reader
        self._logic = logic
        self._foreign = foreign

    async def dead_letters(
        self, after_at: datetime | None = None, after_hash: str = ""
    ) -> list[dict[str, Any]]:
        """A page of those that nobody has settled, newest first; the next follows its last one."""
        rows = await self._entities.db.fetch(
            QUERIES["dead_letters"], after_at, _unhex(after_hash), _LIMIT
        )
        return [_public(row) for row in rows]

    async def parked(
        self, after_at: datetime | None = None, after_hash: str = ""
    ) -> list[dict[str, Any]]:
        """A page of parked records, the longest waiting first; the next follows its last one."""
        rows = await self._entities.db.fetch(
            QUERIES["parked_list"], after_at, _unhex(after_hash), _LIMIT
        )
        return [
            {
                "case_id": str(row["entity"]),
                "topic": row["topic"],
                "sequence": row["seq"],
                "reason": row["reason"],
                "hash": row["hash"].hex(),
                "at": row["at"].isoformat(),
            }
            for row in rows
        ]

    async def show(self, hash: str) -> dict[str, Any]:
        """One dead letter with its original key, headers and value (base64)."""
        async with self._entities.transaction() as unit:
            row, record = await self._open(unit, hash)
        headers = [[name, _base64(raw)] for name, raw in record.headers]
        original = {"key": _base64(record.key), "value": _base64(record.value), "headers": headers}
        return {**_public(row), "original": original}

    async def requeue(self, hash: str) -> dict[str, Any]:
        """Take the message anew. Raises `Refused` if it still cannot be taken."""
        async with self._entities.transaction() as unit:
            row, record = await self._open(unit, hash)
            item = self._reader.sort(record)
            if isinstance(item, Stranger):
                await forget(unit, [item])  # it was marked as seen when it was buried
            batch = Batch(unit, self._entities.streams, self._reader, self._logic, self._foreign)
            await batch.take([item])
            if not (batch.counts["applied"] or batch.counts["seen"]):
                raise Refused("still_not_taken", extra={"outcome": dict(batch.counts)})
            await unit.conn.execute(QUERIES["settle_dead_letter"], row["hash"], "requeued")
        return {**_public(row), "settled": "requeued"}

    async def skip(self, hash: str) -> dict[str, Any]:
        """Give the message up: its number counts as applied, and what waited for it goes on."""
        async with self._entities.transaction() as unit:
            row = await _found(unit, hash)
            item = self._reader.sort(self._unpacked(unit, row)) if row["raw"] else None
            if row["entity"] is not None and isinstance(item, Sequenced):
                await self._pass_over(unit, item)
            await unit.conn.execute(QUERIES["settle_dead_letter"], row["hash"], "skipped")
        return {**_public(row), "settled": "skipped"}

    async def _pass_over(self, unit: Unit, item: Sequenced) -> None:
        entity = (await unit.lock([item.entity], create=True))[item.entity]
        last = entity.inputs[item.topic].sequence
        if item.event.sequence != last + 1:
            raise Refused("not_the_next", extra={"next": last + 1})
        entity.inputs[item.topic] = entity.inputs[item.topic].then(item.event.sequence, item.hash)
        unit.touch(entity)
        batch = Batch(unit, self._entities.streams, self._reader, self._logic, self._foreign)
        await batch.resume(entity)

    async def _open(self, unit: Unit, hash: str) -> tuple[asyncpg.Record, StoredRecord]:
        row = await _found(unit, hash)
        if not row["raw"]:
            raise Refused("bytes_expired", "the bytes are no longer kept; it can be skipped")
        return row, self._unpacked(unit, row)

    def _unpacked(self, unit: Unit, row: asyncpg.Record) -> StoredRecord:
        raw = unit.sealer.open_raw(row["raw"], row["hash"])
        topic = self._reader.prefix + row["topic"]
        return unpack(topic, row["part"], row["offset_"], raw)


async def _found(unit: Unit, hash: str) -> asyncpg.Record:
    row = await unit.conn.fetchrow(QUERIES["dead_letter"], _unhex(hash))
    if row is None:
        raise NotFound(f"no dead letter {hash}")
    if row["settled"] == "erased":
        raise Erased
    return row


def _public(row: Mapping[str, Any]) -> dict[str, Any]:
    entity: UUID | None = row["entity"]
    return {
        "hash": row["hash"].hex(),
        "reason": row["reason"],
        "detail": row["detail"],
        "case_id": str(entity) if entity else None,
        "topic": row["topic"],
        "partition": row["part"],
        "offset": row["offset_"],
        "sequence": row["seq"],
        "at": row["at"].isoformat(),
    }


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode()


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Invalid("/hash", "not hexadecimal") from error
