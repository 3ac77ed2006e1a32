"""Open cases in escalation, opened through its own consumer at an instant of a clock of our own.

Owns escalation's parts inside the benchmark, and its simulated clock: standing still, or running
as real time does.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from benchmarks.ground import Place
from benchmarks.lives import Life, Message, Teller, opening
from schemas.case import PackPin
from schemas.topics import CASES, STREAM_CONTROL
from schemas.wire import Wire
from services.escalation import app as escalation
from services.escalation.settings import EscalationSettings
from services.kit import ids
from services.kit.connecting import connect
from services.kit.consumer import Consumer
from services.kit.entities import Logic
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.packs import DEFAULT_PACK, load_pack

OPENED_AT: Final = datetime.fromisoformat("2026-11-20T10:00:00+08:00")
FIRST_RESPONSE: Final = timedelta(minutes=15)
"""The first budget of an ordinary case of the shipped pack, in service hours."""
_BATCH: Final = 500
_CLOCK: Final = """INSERT INTO simulated_clock (origin, speed, "offset", moved_at)
SELECT now(), $2, $1 - now(), now()
ON CONFLICT (single) DO UPDATE SET origin = excluded.origin, speed = excluded.speed,
    "offset" = excluded."offset", moved_at = excluded.moved_at"""


@dataclass(slots=True)
class OpenCases:
    """Escalation's parts inside the benchmark, and who tells it of cases."""

    entities: Entities
    _teller: Teller
    _consumer: Consumer

    async def go_to(self, instant: datetime, *, running: bool = False) -> None:
        """Let it be that instant; time stands still there, or runs on from there."""
        await self.entities.db.execute(_CLOCK, instant, 1.0 if running else 0.0)

    async def open(self, numbers: Sequence[int], started_at: Sequence[datetime]) -> list[Life]:
        """Open the cases of these numbers, each begun at its instant."""
        lives = await self._teller.lives(numbers)
        for first in range(0, len(lives), _BATCH):
            chunk = list(zip(lives, started_at, strict=True))[first : first + _BATCH]
            await self._consumer.handle([self._record(life, at) for life, at in chunk])
        return lives

    def _record(self, life: Life, at: datetime) -> StoredRecord:
        event = opening(life.subject, self._teller.pin, at)
        message: Message = self._teller.tell(life, event, at)
        return StoredRecord(CASES, 0, 0, message.key, message.value, message.headers)


@contextlib.asynccontextmanager
async def opened(place: Place) -> AsyncIterator[OpenCases]:
    """Escalation on a migrated database, at `OPENED_AT`."""
    settings = EscalationSettings(**place.settings("escalation"))
    async with connected(settings) as (entities, logic):
        reader = Reader("", (CASES,), (), STREAM_CONTROL, Wire(read_id=ids.read))
        consumer = Consumer("escalation", entities, reader, logic)
        teller = Teller(entities.sealer, shipped_pin(), OPENED_AT)
        cases = OpenCases(entities, teller, consumer)
        await cases.go_to(OPENED_AT)
        yield cases


@contextlib.asynccontextmanager
async def connected(settings: EscalationSettings) -> AsyncIterator[tuple[Entities, Logic]]:
    """Escalation's entities, on a migrated database, and its logic."""
    entities, closing = await connect(escalation.blueprint(settings), settings)
    try:
        parts = await escalation.build(entities, settings)
        if parts.logic is None:
            raise AssertionError("escalation decides by its logic")
        yield entities, parts.logic
    finally:
        for close in closing:
            await close()


def shipped_pin() -> PackPin:
    """What a case says of the shipped pack."""
    pack = load_pack(DEFAULT_PACK)
    return PackPin(name=pack.pack.name, version=pack.pack.version, digest=pack.digest)
