"""Letting a subject go in one service: entities, answers, dead letters, and what the service adds.

Owns the transaction and its order. Safe to do again: what is gone already changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from services.kit.entities import Entity
from services.kit.erasure.ledger import QUERIES
from services.kit.erasure.needles import Needles
from services.kit.sorting import Reader, Sequenced
from services.kit.unit import Entities, Unit
from services.kit.wire import unpack

_PAGE: Final = 500
Reads = Callable[[Any], bool]
About = Callable[[bytes], bool]
"""Whether a packed record is about the subject who is erased."""


class Forgets(Protocol):
    """What a service does about what it keeps beside its entities, which are locked.

    Answers by what else, beside the entities' ids, messages are about them.
    """

    async def __call__(
        self, unit: Unit, subject: UUID, entities: Sequence[Entity]
    ) -> Collection[str]: ...


async def nothing_beside(unit: Unit, subject: UUID, entities: Sequence[Entity]) -> Collection[str]:
    """Of a service that keeps nothing beside its entities."""
    return ()


async def let_go(entities: Entities, reader: Reader, forget: Forgets, subject: UUID) -> int:
    """Let a subject go whose key is destroyed; answers of how many entities."""
    async with entities.transaction() as unit:
        ids = [row["id"] for row in await unit.conn.fetch(QUERIES["entities_of"], subject)]
        locked = await unit.lock(ids)
        found = [locked[id] for id in sorted(locked)]
        for entity in found:
            entity.erase(subject)
            unit.touch(entity)
        further = await forget(unit, subject, found)
        names = [str(entity.id) for entity in found]
        await unit.conn.execute(QUERIES["drop_answers"], subject, names)
        await blank(unit, reader, Needles([*names, *further]).in_, locked.keys())
        await unit.conn.execute(QUERIES["let_go"], subject, len(found))
    return len(found)


async def blank(unit: Unit, reader: Reader, about: About, ids: Collection[UUID]) -> None:
    """Take the bytes of dead letters, and the messages that wait, that are about a subject."""

    def is_theirs(row: Any) -> bool:
        raw = unit.sealer.open_raw(row["raw"], row["hash"])
        return (row["entity"] in ids or about(raw)) and not _is_ours(reader, row, raw)

    def waits(row: Any) -> bool:
        return about(unit.sealer.open_raw(row["raw"], row["hash"]))

    await _each_page(unit, "letters", is_theirs, "blank_letters")
    await _each_page(unit, "waiting", waits, "drop_waiting")


def _is_ours(reader: Reader, row: Any, raw: bytes) -> bool:
    """Whether it is an event of ours, private fields sealed: its stream goes on after it only."""
    record = unpack(reader.prefix + row["topic"], row["part"], row["offset_"], raw)
    return isinstance(reader.sort(record), Sequenced)


async def _each_page(unit: Unit, read: str, wanted: Reads, write: str) -> None:
    after = b""
    while rows := await unit.conn.fetch(QUERIES[read], after, _PAGE):
        found = [row["hash"] for row in rows if wanted(row)]
        if found:
            await unit.conn.execute(QUERIES[write], found)
        after = rows[-1]["hash"]
