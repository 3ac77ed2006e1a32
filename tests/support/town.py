"""All three services in one process, each behind its guard, joined by hand instead of by Kafka.

Owns how their parts are put together and fed; the services are the real ones on a real database.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Scope

from schemas.wire import Wire
from services.escalation import app as escalation
from services.intake import app as intake
from services.kit import http
from services.kit.blueprint import Blueprint, Parts
from services.kit.consumer import Consumer
from services.kit.db import Database
from services.kit.identity.guard import Guard
from services.kit.identity.wiring import guarded
from services.kit.migrate import migrate
from services.kit.openapi import describe, read_examples
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.local.issuer import Issuer
from services.notifier import app as notifier
from tests.support.identity import BOUNDS, URL, bearer, doorman_of
from tests.support.kit import KIT, MASTER, entities

MODULES: Mapping[str, Any] = {"intake": intake, "escalation": escalation, "notifier": notifier}
_SENT = """SELECT topic, entity, seq, id, type, after, recordedat, prevhash, value, pos FROM log
WHERE pos > $1 ORDER BY pos"""


@dataclass
class House:
    """One service: its parts, its bare application, and that application behind the guard."""

    blueprint: Blueprint
    entities: Entities
    parts: Parts
    app: FastAPI
    guard: Guard
    consumer: Consumer
    sent: int = 0

    async def news(self) -> list[StoredRecord]:
        """What it has produced since the last time, as it travels."""
        rows = await self.entities.db.fetch(_SENT, self.sent)
        self.sent = rows[-1]["pos"] if rows else self.sent
        return [_record(self.entities, row) for row in rows]


@dataclass
class Town:
    """The services by name, and who gives the tokens."""

    houses: dict[str, House]
    issuer: Issuer
    keys: Database
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def settle(self) -> None:
        """Everybody hears what the others have said."""
        for writer in ("intake", "escalation"):
            news = await self.houses[writer].news()
            for reader in ("escalation", "notifier"):
                if news and reader != writer:
                    await self.houses[reader].consumer.handle(news)

    def as_(self, role: str, sub: str, **claims: Any) -> dict[str, str]:
        """The header of somebody."""
        return bearer(self.issuer.token(role, sub, **claims))


def _record(found: Entities, row: Any) -> StoredRecord:
    event = found.codec.make(
        row["id"], found.streams.source, row["type"], row["entity"], row["seq"], row["after"],
        row["recordedat"], row["prevhash"], row["value"],
    )  # fmt: skip
    key = str(row["entity"]).encode()
    return StoredRecord(row["topic"], 0, row["pos"], key, row["value"], found.codec.headers(event))


@asynccontextmanager
async def town(dsns: dict[str, str], *, identity: bool = True) -> AsyncIterator[Town]:
    """The three services on fresh schemas, with identity on, or off."""
    async with AsyncExitStack() as stack:
        keys = await Database.open(dsns["keys"], name="town", size=2)
        stack.push_async_callback(keys.close)
        here = Town({}, Issuer(URL), keys)
        for name in MODULES:
            house = await _house(stack, dsns, name, here if identity else None)
            here.houses[name] = house
            transport = httpx.ASGITransport(house.guard, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url=f"http://{name}")
            here.clients[name] = await stack.enter_async_context(client)
        yield here


async def _house(
    stack: AsyncExitStack, dsns: dict[str, str], name: str, known: Town | None
) -> House:
    module = MODULES[name]
    settings = module.SETTINGS(
        database_dsn=dsns[name],
        keys_dsn=dsns["keys"],
        master_key=SecretStr(MASTER.hex()),
        kafka_bootstrap="nowhere:1",
        evidence_store="memory:///",  # only intake has one
    )
    blueprint: Blueprint = module.blueprint(settings)
    found = await stack.enter_async_context(entities(dsns, blueprint.streams))
    await migrate(dsns[name], [("kit", KIT / "migrations"), (name, blueprint.migrations)])
    parts = await blueprint.build(found, settings)
    for close in parts.closing:
        stack.push_async_callback(close)
    app = _application(blueprint, parts)
    doorman = doorman_of(known.issuer, known.keys) if known else None
    guard = guarded(app, parts.access, found, BOUNDS, doorman)
    reader = Reader(
        "", blueprint.streams.inputs, blueprint.foreign_topics, blueprint.control_topic, Wire()
    )
    consumer = Consumer(name, found, reader, parts.logic, parts.foreign)
    return House(blueprint, found, parts, app, guard, consumer)


def _application(blueprint: Blueprint, parts: Parts) -> FastAPI:
    app = FastAPI(title=blueprint.title, docs_url=None, redoc_url=None)
    http.install(app)
    describe(app, parts.access, read_examples(blueprint.migrations.parent))
    for router in parts.routers:
        app.include_router(router)
    return app


async def status_of(app: ASGIApp, request: httpx.Request) -> int:
    """The status of an answer that may never end: it is left once it has begun."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    body = [request.read()]

    async def receive() -> Message:
        if body:
            return {"type": "http.request", "body": body.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and not started.done():
            started.set_result(message["status"])

    answering = asyncio.ensure_future(app(scope_of(request), receive, send))
    both: tuple[asyncio.Future[Any], ...] = (answering, started)
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    return started.result()


def scope_of(request: httpx.Request) -> Scope:
    """A request as an application is given it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "root_path": "",
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": ("service", 80),
    }


def as_json(value: Any) -> dict[str, Any]:
    """Arguments of a request whose body is JSON."""
    headers = {"content-type": "application/json"}
    return {"content": json.dumps(value), "headers": headers}
