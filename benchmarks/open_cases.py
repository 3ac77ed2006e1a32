"""Many open cases in escalation, opened through the real stream and all due at one instant.

Owns the seeding and the simulated clock of the benchmark of rungs. Events are numbered, hashed and
sealed by the kit in intake's schema, and taken by escalation's own consumer.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

import asyncpg

from benchmarks.ground import Place
from schemas.case import CaseOpened, PackPin
from schemas.topics import CASES, STREAM_CONTROL
from schemas.vocabulary import Category, Channel, Lane, Severity, Status
from schemas.wire import Wire
from services.escalation import app as escalation
from services.escalation.settings import EscalationSettings
from services.intake import app as intake
from services.intake.settings import IntakeSettings
from services.kit.connecting import connect
from services.kit.consumer import Consumer
from services.kit.entities import Decision, Logic
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.packs import DEFAULT_PACK, load_pack

OPENED_AT: Final = datetime.fromisoformat("2026-11-20T10:00:00+08:00")
FIRST_RESPONSE: Final = timedelta(minutes=15)
"""The first budget of an ordinary case of the shipped pack, in service hours."""
_NAMESPACE: Final = UUID(int=20261122)
_BATCH: Final = 500
_CLOCK: Final = """INSERT INTO simulated_clock (origin, speed, "offset", moved_at)
VALUES ($1, 0, interval '0', clock_timestamp()) ON CONFLICT (single) DO UPDATE
SET origin = excluded.origin, moved_at = excluded.moved_at"""
_SINCE: Final = """SELECT topic, entity, seq, id, type, after, recordedat, prevhash, value, pos
FROM log WHERE pos > $1 ORDER BY pos"""


@dataclass(slots=True)
class OpenCases:
    """Escalation's parts inside the benchmark, and the writer of the stream that it reads."""

    entities: Entities
    logic: Logic
    _writer: Entities
    _consumer: Consumer
    _sent: int = 0

    async def go_to(self, instant: datetime) -> None:
        """Let time stand still at an instant."""
        for entities in (self.entities, self._writer):
            await entities.db.execute(_CLOCK, instant)

    async def open(self, amount: int) -> None:
        """Open so many cases."""
        pack = load_pack(DEFAULT_PACK)
        pin = PackPin(name=pack.pack.name, version=pack.pack.version, digest=pack.digest)
        for first in range(0, amount, _BATCH):
            await self._produce(range(first, min(amount, first + _BATCH)), pin)
            await self._consumer.handle(await self._records())

    async def _produce(self, numbers: Sequence[int], pin: PackPin) -> None:
        cases = {uuid5(_NAMESPACE, f"case:{number}"): number for number in numbers}
        async with self._writer.transaction() as unit:
            for id, entity in (await unit.lock(cases, create=True)).items():
                event = opening(cases[id], pin)
                decision = Decision(b"{}", ((CASES, event),), None, event.data_subject)
                unit.apply(entity, decision, uuid5(id, "opened"))

    async def _records(self) -> list[StoredRecord]:
        rows = await self._writer.db.fetch(_SINCE, self._sent)
        self._sent = rows[-1]["pos"]
        return [self._record(row) for row in rows]

    def _record(self, row: asyncpg.Record) -> StoredRecord:
        event = self._writer.codec.make(
            row["id"], self._writer.streams.source, row["type"], row["entity"], row["seq"],
            row["after"], row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip
        headers = self._writer.codec.headers(event)
        return StoredRecord(
            row["topic"], 0, row["pos"], str(row["entity"]).encode(), row["value"], headers
        )


@contextlib.asynccontextmanager
async def opened(place: Place) -> AsyncIterator[OpenCases]:
    """Escalation and the writer on a migrated database, at `OPENED_AT`."""
    settings = EscalationSettings(**place.settings("escalation"))
    own = await connect(escalation.blueprint(settings), settings)
    wanted = IntakeSettings(**place.settings("intake"))
    other = await connect(intake.blueprint(wanted), wanted)
    parts = await escalation.build(own[0], settings)
    if parts.logic is None:
        raise AssertionError("escalation decides by its logic")
    reader = Reader("", (CASES,), (), STREAM_CONTROL, Wire())
    consumer = Consumer("escalation", own[0], reader, parts.logic)
    cases = OpenCases(own[0], parts.logic, other[0], consumer)
    try:
        await cases.go_to(OPENED_AT)
        yield cases
    finally:
        for close in (*own[1], *other[1]):
            await close()


def opening(number: int, pin: PackPin) -> CaseOpened:
    """The event that opens the case of that number."""
    return CaseOpened(
        status=Status.OPEN,
        data_subject=uuid5(_NAMESPACE, f"subject:{number}"),
        category=Category.FUNDS_NOT_RECEIVED,
        severity=Severity.NORMAL,
        lane=Lane.ORDINARY,
        policy=pin,
        channel=Channel.PHONE,
        occurred_at=OPENED_AT,
        started_at=OPENED_AT,
        description="转账显示成功,对方没有收到。The transfer is shown as done, nothing came.",
    )
