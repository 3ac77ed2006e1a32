"""One transaction: lock entities in order, apply decisions, write everything set-based, commit.

Owns numbering, hashing and sealing of outgoing events, and the sealing of state documents. A
network call inside a transaction is a defect; subject keys come from a pool of their own and are
committed before their first use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import Struct

from services.kit import clock
from services.kit.db import Database
from services.kit.entities import Decided, Decision, Entity, Position, Produced
from services.kit.ids import derive
from services.kit.rows import Streams, to_entity, to_outcome, to_row
from services.kit.sealing import Sealer
from services.kit.sql import Queries
from services.kit.wire import Codec, Emittable

QUERIES = Queries(Path(__file__).with_name("queries.sql"))

_Row = tuple[Any, ...]


class _Pending(Struct, frozen=True):
    """An event to be written; `entity` is None where it belongs to no stream."""

    entity: Entity | None
    after: str
    event: Produced


class Unit:
    """What happens in one transaction. Made by `Entities.transaction`."""

    def __init__(
        self,
        conn: asyncpg.Connection,
        now: clock.Now | None,
        streams: Streams,
        codec: Codec,
        sealer: Sealer,
    ) -> None:
        self.conn = conn
        self._clock = now
        self.entities: dict[UUID, Entity] = {}
        self.sealer = sealer
        self._streams = streams
        self._codec = codec
        self._pending: list[_Pending] = []
        self._changed: dict[UUID, Entity] = {}
        self._whole: set[UUID] = set()

    @property
    def clock(self) -> clock.Now:
        """The time as it was read after the last lock."""
        if self._clock is None:
            raise AssertionError("nothing was locked, and no time was read")
        return self._clock

    async def look_at_the_clock(self) -> None:
        """Read the time anew: whoever has locked rows by a statement of their own must."""
        self._clock = await clock.read(self.conn)

    @property
    def now(self) -> datetime:
        """Domain time, read after the last lock."""
        return self.clock.domain

    @property
    def real_now(self) -> datetime:
        """The database's own time."""
        return self.clock.real

    def now_for(self, entity: Entity) -> datetime:
        """Domain time, never before the entity's last instant."""
        return max(self.now, entity.last_at) if entity.last_at else self.now

    async def lock(self, ids: Iterable[UUID], *, create: bool = False) -> dict[UUID, Entity]:
        """Lock entities (sorted), making stubs of those that are new where `create`."""
        named = set(ids)
        wanted = sorted(named - self.entities.keys())
        if wanted and create:
            await self.adopt(await self.conn.fetch(QUERIES["stub"], wanted))
            wanted = [id for id in wanted if id not in self.entities]
        if wanted:
            await self.adopt(await self.conn.fetch(QUERIES["lock"], wanted))
        # For those that are new nobody was waited for: a time read before is not too early.
        if wanted or self._clock is None:
            await self.look_at_the_clock()
        return {id: self.entities[id] for id in named if id in self.entities}

    async def adopt(self, rows: Sequence[asyncpg.Record]) -> list[Entity]:
        """Take rows that a statement of the kit has locked; opens their documents."""
        await self.sealer.load(row["subject"] for row in rows if row["subject"])
        adopted = [to_entity(row, self._streams, self.sealer) for row in rows]
        self.entities |= {entity.id: entity for entity in adopted}
        return adopted

    def apply(self, entity: Entity, decision: Decision, trigger_id: UUID) -> Decided:
        """Put a decision into the entity and number its events; ids derive from the trigger's."""
        now = self.now_for(entity)
        if decision.subject not in (None, entity.subject):
            entity.subject = decision.subject
            self.touch(entity)
        entity.state = entity.state if decision.state is None else decision.state
        if decision.wake_at != entity.wake_at:
            entity.known_at = self.real_now
        entity.wake_at = decision.wake_at
        entity.held_until = decision.held_until
        entity.last_at = now
        produced = self._number(entity, decision.events, trigger_id, now)
        self._changed[entity.id] = entity
        return Decided(entity, decision, produced)

    def touch(self, entity: Entity) -> None:
        """Have the entity written whole at the end: more than what a decision changes is new."""
        self._changed[entity.id] = entity
        self._whole.add(entity.id)

    def emit_loose(self, topic: str, data: Emittable, id: UUID) -> None:
        """An event that belongs to no entity's stream (sequence 0, no chain)."""
        event = Produced(topic, id, data.type_name(), 0, self.now, data)
        self._pending.append(_Pending(None, "", event))

    def _number(
        self,
        entity: Entity,
        events: Sequence[tuple[str, Emittable]],
        trigger_id: UUID,
        now: datetime,
    ) -> tuple[Produced, ...]:
        if not events:
            return ()
        after = self._codec.format_after(
            {name: input_.sequence for name, input_ in entity.inputs.items()}
        )
        produced = []
        for topic, data in events:
            position = entity.outputs[topic]
            position.sequence += 1
            event_id = derive(trigger_id, f"{topic}:{position.sequence}")
            event = Produced(topic, event_id, data.type_name(), position.sequence, now, data)
            self._pending.append(_Pending(entity, after, event))
            produced.append(event)
        return tuple(produced)

    async def flush(self) -> None:
        """Write the log and every entity that changed. Called once, before the commit."""
        subjects = {entity.subject for entity in self._changed.values() if entity.subject}
        await self.sealer.load(subjects, create=True)
        # All is sealed before anything is awaited: the keys are at hand now.
        events = [self._seal(pending) for pending in self._pending]
        whole, decided = self._rows()
        if events or whole or decided:
            await self.conn.execute(QUERIES["write"], self.real_now, events, whole, decided)

    def _seal(self, pending: _Pending) -> tuple[Any, ...]:
        entity, event = pending.entity, pending.event
        value = self._value(entity, event)
        position = entity.outputs[event.topic] if entity else Position()
        subject, prevhash = (entity.id if entity else None), position.hash
        made = self._codec.make(
            event.id, self._streams.source, event.type, subject, event.sequence,
            pending.after, event.recordedat, prevhash, value,
        )  # fmt: skip
        position.hash = made.digest()
        return (
            event.topic, subject, event.sequence, event.id, event.type, pending.after,
            event.recordedat, prevhash, value,
        )  # fmt: skip

    def _value(self, entity: Entity | None, event: Produced) -> bytes:
        """The public half, with the private one sealed where there is one."""
        public, private = event.data.halves()
        if entity is None or private is None:
            return public
        if entity.subject is None:
            raise ValueError("private fields need a data subject")
        blob = self.sealer.seal(entity.subject, private, event.id.bytes)
        return public if blob is None else self._codec.sealed_value(public, entity.subject, blob)

    def _rows(self) -> tuple[list[_Row], list[_Row]]:
        """The entities that are written whole, and those of which only a decision is."""
        whole: list[_Row] = []
        decided: list[_Row] = []
        for id in sorted(self._changed):
            to, row_of = (whole, to_row) if id in self._whole else (decided, to_outcome)
            to.append(row_of(self._changed[id], self._streams, self.sealer))
        return whole, decided


class Entities:
    """The entities of one service: transactions over them, and reads."""

    def __init__(self, db: Database, streams: Streams, codec: Codec, sealer: Sealer) -> None:
        self.db = db
        self.streams = streams
        self.codec = codec
        self.sealer = sealer

    @asynccontextmanager
    async def transaction(self, *, locks_first: bool = False) -> AsyncIterator[Unit]:
        """A unit of work: flushed and committed at the end, rolled back on any exception.

        One that `locks_first` reads no time before, since `lock` does.
        """
        async with self.db.transaction() as conn:
            now = None if locks_first else await clock.read(conn)
            unit = Unit(conn, now, self.streams, self.codec, self.sealer)
            yield unit
            await unit.flush()

    async def read(self, id: UUID) -> Entity | None:
        """An entity without a lock; None if nothing was ever decided about it."""
        row = await self.db.fetchrow(QUERIES["read"], id)
        if row is None or row["state"] is None:
            return None
        await self.sealer.load([row["subject"]] if row["subject"] else [])
        return to_entity(row, self.streams, self.sealer)

    async def now(self) -> clock.Now:
        """The time, outside any transaction."""
        return await clock.read(self.db)
