"""Intake on a real database, without a broker: its HTTP in-process, its consumer fed by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from schemas.topics import STREAM_CONTROL
from schemas.wire import Wire
from services.intake import store
from services.intake.app import STREAMS, build
from services.intake.incident_store import IncidentStore
from services.intake.settings import IntakeSettings
from services.intake.telling import Teller
from services.intake.working import Desk
from services.kit import http
from services.kit.consumer import Consumer
from services.kit.foreign import ForeignLogic
from services.kit.migrate import migrate
from services.kit.patience import Patience
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.packs import DEFAULT_PACK, load_pack
from tests.support.kit import KIT, MASTER, entities

BACKEND = "test-backend"
TEN = datetime.fromisoformat("2026-11-20T10:00:00+08:00")
_CLOCK = """INSERT INTO simulated_clock (origin, speed, "offset", moved_at)
VALUES ($1, 0, interval '0', clock_timestamp())"""


@dataclass
class Intake:
    """One replica of intake."""

    entities: Entities
    client: httpx.AsyncClient
    consumer: Consumer
    patience: Patience
    teller: Teller
    _sent: int = field(default=0)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        """POST JSON under `/v1/cases`."""
        # As ASCII, so that a test may send what UTF-8 cannot say.
        plain = {"content-type": "application/json", **headers}
        return await self.client.post(f"/v1/cases{path}", content=json.dumps(body), headers=plain)

    async def order(self, case_id: str, command: str, **fields: Any) -> httpx.Response:
        """A command by an agent."""
        by = {"role": "agent", "id": "A1024", "name": "李四"}
        return await self.post(f"/{case_id}/commands", {"command": command, "by": by, **fields})

    async def get(self, path: str = "", **parameters: Any) -> dict[str, Any]:
        """GET under `/v1/cases`, which must succeed."""
        answer = await self.client.get(f"/v1/cases{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def tell_all(self) -> None:
        """Tell the cases of every incident what they do not know yet."""
        while not await self.teller.step():
            pass

    def record(self, kind: str, value: Any, message_id: str | None = None) -> StoredRecord:
        """A record of topic `reports`; `value` is JSON-ready, or the bytes themselves."""
        self._sent += 1
        headers = {
            "ce_specversion": "1.0",
            "ce_id": message_id or f"m-{self._sent}",
            "ce_source": BACKEND,
            "ce_type": kind,
            "content-type": "application/json",
        }
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        pairs = [(name, text.encode()) for name, text in headers.items()]
        return StoredRecord("reports", 0, self._sent, b"key", raw, pairs)

    async def consume(self, *records: StoredRecord) -> None:
        """Take records as one batch."""
        await self.consumer.handle(records)

    async def log(self) -> list[asyncpg.Record]:
        """The events produced, in order."""
        return await self.entities.db.fetch(
            "SELECT entity, seq, type, id FROM log WHERE topic = 'cases' ORDER BY pos"
        )

    async def event_names(self) -> list[str]:
        """The names of the events produced, in order."""
        return [
            row["type"].removeprefix("recourse.").removesuffix(".v1") for row in await self.log()
        ]

    async def dead_letters(self) -> list[asyncpg.Record]:
        """The dead letters."""
        return await self.entities.db.fetch("SELECT reason, detail FROM dead_letter ORDER BY at")

    async def set_clock(self, at: datetime) -> None:
        """Let time stand still at an instant."""
        await self.entities.db.execute("DELETE FROM simulated_clock")
        await self.entities.db.execute(_CLOCK, at)


@asynccontextmanager
async def intake(dsns: Mapping[str, str], **settings: Any) -> AsyncIterator[Intake]:
    """A replica on a migrated schema; several may share one database."""
    await migrate(dsns["intake"], [("kit", KIT / "migrations"), ("intake", store.MIGRATIONS)])
    with TemporaryDirectory() as folder:
        given = {"evidence_store": Path(folder).as_uri(), **settings}
        async with _replica(dsns, given) as replica:
            yield replica


@asynccontextmanager
async def _replica(dsns: Mapping[str, str], settings: dict[str, Any]) -> AsyncIterator[Intake]:
    async with entities(dict(dsns), STREAMS) as found:
        wanted = IntakeSettings(
            database_dsn=dsns["intake"],
            keys_dsn=dsns["keys"],
            master_key=SecretStr(MASTER.hex()),
            kafka_bootstrap="nowhere:1",
            **settings,
        )
        parts = await build(found, wanted)
        app = FastAPI()
        http.install(app)
        for router in parts.routers:
            app.include_router(router)
        foreign = parts.foreign
        assert foreign is not None
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
            yield Intake(found, client, *_taking(found, foreign), teller(found))


def _taking(found: Entities, foreign: ForeignLogic) -> tuple[Consumer, Patience]:
    reader = Reader("", frozenset(), frozenset({"reports"}), STREAM_CONTROL, Wire())
    consumer = Consumer("intake", found, reader, None, foreign)
    return consumer, Patience(found, reader, foreign, unknown_wait_s=60)


def teller(found: Entities, batch: int = 200) -> Teller:
    """What tells the cases of incidents, in a loop of its own in a real replica."""
    book = store.PolicyBook([load_pack(DEFAULT_PACK)])
    desk = Desk(store.Blind(found.sealer), book)
    return Teller(found, desk, IncidentStore(found.sealer), batch)


async def everything_stored(dsn: str) -> dict[str, list[bytes]]:
    """Every cell of every table of the database, as text and as raw bytes, by table."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT table_schema AS s, table_name AS t FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        found = {}
        for row in tables:
            name = f'"{row["s"]}"."{row["t"]}"'
            cells = await connection.fetch(f"SELECT * FROM {name}")
            found[name] = [_as_bytes(cell) for record in cells for cell in record.values()]
        return found
    finally:
        await connection.close()


def _as_bytes(cell: Any) -> bytes:
    if isinstance(cell, bytes):
        return cell
    return (cell.hex if isinstance(cell, UUID) else str(cell)).encode()
