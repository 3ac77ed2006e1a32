"""Escalation on a real database, without a broker: HTTP in-process, its stream fed by hand.

The cases' stream is produced by the kit itself in intake's schema, so that sealing, sequence and
hashes are the real ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from schemas.case import CaseEvent, CaseOpened, PackPin
from schemas.case_events import CASE_EVENTS
from schemas.topics import STREAM_CONTROL
from schemas.vocabulary import Status
from schemas.wire import Wire
from services.escalation.app import STREAMS, build
from services.escalation.handlers import LadderLogic
from services.escalation.settings import EscalationSettings
from services.escalation.staff import Staff
from services.escalation.store import MIGRATIONS
from services.kit import http
from services.kit.blueprint import Parts
from services.kit.consumer import Consumer
from services.kit.entities import Decision
from services.kit.migrate import migrate
from services.kit.sorting import Reader
from services.kit.timers import Timers
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.packs import DEFAULT_PACK, load_pack
from tests.support.kit import KIT, MASTER, SUBJECT, WRITER, entities, until

NAMES = {event.event_name: event for event in CASE_EVENTS}
NINE_FIFTY_EIGHT = datetime.fromisoformat("2026-11-20T09:58:00+08:00")
_CLOCK = """INSERT INTO simulated_clock (origin, speed, "offset", moved_at)
VALUES ($1, 0, interval '0', clock_timestamp())"""
_SENT = """SELECT topic, entity, seq, id, type, after, recordedat, prevhash, value, pos FROM log
WHERE pos > $1 ORDER BY pos"""

_HEARD = """INSERT INTO progress (topic, part, t)
VALUES ('cases', 0, clock_timestamp() - $1::interval)
ON CONFLICT (topic, part) DO UPDATE SET t = excluded.t"""


@dataclass
class Escalation:
    """One replica of escalation, and the hand that writes the stream of cases."""

    entities: Entities
    writer: Entities
    client: httpx.AsyncClient
    consumer: Consumer
    timers: Timers
    staff: Staff
    parts: Parts
    digest: str
    _sent: int = field(default=0)

    async def set_clock(self, at: datetime) -> None:
        """Let time stand still at an instant, for cases and ladders."""
        for db in (self.entities.db, self.writer.db):
            await db.execute("DELETE FROM simulated_clock")
            await db.execute(_CLOCK, at)

    async def go_to(self, text: str) -> None:
        """Move to an instant in Shanghai by way of every due instant, as the local stack does."""
        target = datetime.fromisoformat(f"2026-{text}+08:00")
        while (due := await self._next_due()) is not None and due <= target:
            await self.set_clock(due)
            await self.timers.step()
        await self.set_clock(target)

    async def _next_due(self) -> datetime | None:
        row = await self.entities.db.fetchrow(
            "SELECT min(wake_at) AS at FROM entity WHERE held_until IS NULL"
        )
        at: datetime | None = row["at"] if row else None
        return at

    async def opened(self, number: int = 1, **fields: Any) -> UUID:
        """A case of the walkthrough is opened; answers its id."""
        case_id = await self.opening(number, **fields)
        await self.consume()
        return case_id

    async def opening(self, number: int = 1, **fields: Any) -> UUID:
        """The same, not yet read by escalation."""
        case_id = uuid5(SUBJECT, f"case:{number}")
        opening: dict[str, Any] = {
            "data_subject": SUBJECT,
            "category": "funds_not_received",
            "severity": "normal",
            "lane": "ordinary",
            "policy": PackPin(name="wallet-default", version="1", digest=self.digest),
            "channel": "phone",
            "occurred_at": NINE_FIFTY_EIGHT,
            "started_at": NINE_FIFTY_EIGHT,
            "customer": {"id": "cust-1001", "name": "张三"},
            "description": "转账显示成功,对方没有收到",
        }
        await self.produce(case_id, "case.opened", **{**opening, **fields})
        return case_id

    async def tell(self, case_id: UUID, name: str, **fields: Any) -> None:
        """One event of the case, produced and consumed."""
        await self.produce(case_id, name, **fields)
        await self.consume()

    async def produce(self, case_id: UUID, name: str, **fields: Any) -> None:
        """One event of the case, recorded now, not yet read by escalation."""
        event: CaseEvent = NAMES[name].model_validate({"status": Status.OPEN, **fields})
        async with self.writer.transaction() as unit:
            (entity,) = (await unit.lock([case_id], create=True)).values()
            number = entity.position("cases") + 1
            subject = event.data_subject if isinstance(event, CaseOpened) else None
            decision = Decision(b"{}", (("cases", event),), None, subject)
            unit.apply(entity, decision, uuid5(case_id, str(number)))

    async def records(self) -> list[StoredRecord]:
        """What was produced since the last time, as it travels."""
        rows = await self.writer.db.fetch(_SENT, self._sent)
        self._sent = rows[-1]["pos"] if rows else self._sent
        return [self._record(row) for row in rows]

    def _record(self, row: asyncpg.Record) -> StoredRecord:
        codec = self.writer.codec
        event = codec.make(
            row["id"], "intake", row["type"], row["entity"], row["seq"], row["after"],
            row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip
        key = str(row["entity"]).encode()
        return StoredRecord(row["topic"], 0, row["pos"], key, row["value"], codec.headers(event))

    async def consume(self) -> None:
        """Take everything produced as one batch."""
        await self.consumer.handle(await self.records())

    async def put(self, staff_number: str, **fields: Any) -> httpx.Response:
        """Write an agent of group `frontline`, changed by `fields`, into the roster."""
        body = {"name": "Ada", "groups": ["frontline"], **fields}
        return await self.client.put(f"/v1/roster/agents/{staff_number}", json=body)

    async def relieve(self) -> None:
        """Let the roster move cases until nobody who is gone holds one and nobody waits longer."""
        moving = [loop for loop in self.parts.loops if loop.name in ("relief", "seeking")]

        async def idle() -> bool:
            busy, _ = await self.parts.busy((await self.entities.now()).domain)
            return not busy

        for loop in moving:
            loop.start()
        await until(idle)
        for loop in moving:
            await loop.stop()

    async def heard(self, ago: timedelta) -> None:
        """The stream of cases was last heard so long ago (real time)."""
        await self.entities.db.execute(_HEARD, ago)

    async def order(self, case_id: UUID, command: str, **fields: Any) -> httpx.Response:
        """A command by agent A1024, or by `by` and `role`."""
        by = {"role": fields.pop("role", "agent"), "id": fields.pop("by", "A1024")}
        body = {"command": command, "by": by, **fields}
        return await self.client.post(f"/v1/ladders/{case_id}/commands", json=body)

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """GET a path, which must succeed."""
        answer = await self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ladder(self, case_id: UUID) -> dict[str, Any]:
        """The ladder of a case."""
        return await self.get(f"/v1/ladders/{case_id}")

    async def event_names(self) -> list[str]:
        """The names of the events produced on `escalations`, in order."""
        rows = await self.entities.db.fetch(
            "SELECT type FROM log WHERE topic = 'escalations' ORDER BY pos"
        )
        return [row["type"].removeprefix("recourse.").removesuffix(".v1") for row in rows]

    async def dead_letters(self) -> list[asyncpg.Record]:
        """The dead letters."""
        return await self.entities.db.fetch("SELECT reason, detail FROM dead_letter ORDER BY at")


@asynccontextmanager
async def escalation(dsns: Mapping[str, str], **settings: Any) -> AsyncIterator[Escalation]:
    """A replica on a migrated schema; several may share one database."""
    kit = ("kit", KIT / "migrations")
    await migrate(dsns["escalation"], [kit, ("escalation", MIGRATIONS)])
    async with entities(dict(dsns), STREAMS) as found, entities(dict(dsns), WRITER) as writer:
        wanted = EscalationSettings(
            database_dsn=dsns["escalation"],
            keys_dsn=dsns["keys"],
            master_key=SecretStr(MASTER.hex()),
            kafka_bootstrap="nowhere:1",
            **settings,
        )
        parts = await build(found, wanted)
        assert isinstance(parts.logic, LadderLogic)
        app = FastAPI()
        http.install(app)
        for router in parts.routers:
            app.include_router(router)
        reader = Reader("", ("cases",), ("actions-answered",), STREAM_CONTROL, Wire())
        consumer = Consumer("escalation", found, reader, parts.logic, parts.foreign)
        timers = Timers(found, parts.logic, stale_after_s=5)
        digest = load_pack(wanted.packs_dir or DEFAULT_PACK).digest
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://escalation") as client:
            staff = parts.logic.staff
            yield Escalation(found, writer, client, consumer, timers, staff, parts, digest)
