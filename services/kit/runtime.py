"""One service as one process: HTTP, consumer, relay, timers, chores, in the right order.

Owns the lifecycle and the operational routes (`/livez`, `/readyz`, `/metrics`,
`/internal/quiet`). What the service does is passed in as a `Blueprint`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from prometheus_client import make_asgi_app

from services.kit import http, telemetry
from services.kit.bus import Bus
from services.kit.consumer import Consumer
from services.kit.db import CONNECTION_ERRORS, UNREACHABLE, Database
from services.kit.entities import Logic
from services.kit.foreign import ForeignLogic
from services.kit.listener import Listener
from services.kit.loop import BackgroundLoop
from services.kit.migrate import migrate
from services.kit.outlet import KafkaOutlet
from services.kit.patience import Patience
from services.kit.quiet import QuietReport
from services.kit.relay import Relay
from services.kit.sealing import Sealer, master_key_from
from services.kit.settings import Settings
from services.kit.sorting import Reader
from services.kit.timers import Timers
from services.kit.unit import Entities, Streams
from services.kit.upkeep import Upkeep
from services.kit.wire import Codec, Emittable

_log = structlog.get_logger(__name__)
_KIT = Path(__file__).parent


async def _nothing_more(_: datetime) -> tuple[list[str], dict[str, int]]:
    return [], {}


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of, built once the database answers.

    `busy` adds to the quiet report: what is in flight, and counters that move with work done.
    """

    routers: Sequence[APIRouter]
    logic: Logic | None = None
    foreign: ForeignLogic | None = None
    loops: Sequence[BackgroundLoop] = ()
    busy: Callable[[datetime], Awaitable[tuple[list[str], dict[str, int]]]] = _nothing_more
    channels: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    closing: Sequence[Callable[[], Awaitable[None]]] = ()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What the kit must know of a service. Topics are without prefix."""

    name: str
    title: str
    streams: Streams
    foreign_topics: tuple[str, ...]
    control_topic: str
    readers: Mapping[str, Sequence[str]]
    codec: Codec
    migrations: Path
    build: Callable[[Entities, Settings], Awaitable[Parts]]


class Service:
    """A running service."""

    def __init__(self, blueprint: Blueprint, settings: Settings) -> None:
        self._blueprint = blueprint
        self._settings = settings
        self._loops: list[BackgroundLoop] = []
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._bus: Bus | None = None
        self._stopping = False

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        telemetry.set_up_logging(self._blueprint.name, self._settings.log_level)
        entities = await self._connect()
        parts = await self._blueprint.build(entities, self._settings)
        app = self._app(entities, parts)
        config = uvicorn.Config(
            app,
            host=self._settings.http_host,
            port=self._settings.http_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        await uvicorn.Server(config).serve()

    async def _connect(self) -> Entities:
        """Migrate and connect; a database that is away is waited for."""
        pause_s = 0.1
        while True:
            try:
                return await self._connect_once()
            except CONNECTION_ERRORS as error:
                _log.warning("database_unreachable", error=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(5.0, pause_s * 2)

    async def _connect_once(self) -> Entities:
        settings, blueprint = self._settings, self._blueprint
        await migrate(settings.keys_dsn, [("keys", _KIT / "keys_migrations")])
        await migrate(
            settings.database_dsn,
            [("kit", _KIT / "migrations"), (blueprint.name, blueprint.migrations)],
        )
        db = await Database.open(
            settings.database_dsn,
            name=blueprint.name,
            size=settings.pool_size,
            statement_timeout_s=settings.statement_timeout_s,
            lock_timeout_s=settings.lock_timeout_s,
            idle_in_transaction_timeout_s=settings.idle_in_transaction_timeout_s,
        )
        keys = await Database.open(settings.keys_dsn, name=f"{blueprint.name}.keys", size=2)
        self._closing += [db.close, keys.close]
        master = master_key_from(settings.master_key.get_secret_value())
        sealer = Sealer(keys, master, blueprint.name)
        return Entities(db, blueprint.streams, blueprint.codec, sealer)

    def _app(self, entities: Entities, parts: Parts) -> FastAPI:
        @contextlib.asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            listener = self._assemble(entities, parts)
            listener.start()
            for loop in self._loops:
                loop.start()
            if self._bus is not None:
                self._bus.start()
            try:
                yield
            finally:
                await self._stop(listener)

        app = FastAPI(title=self._blueprint.title, lifespan=lifespan, docs_url=None, redoc_url=None)
        http.install(app)
        for router in parts.routers:
            app.include_router(router)
        app.include_router(self._operations(entities, parts))
        app.mount("/metrics", make_asgi_app())
        return app

    def _assemble(self, entities: Entities, parts: Parts) -> Listener:
        """The loops, wired to the notifications that end their rests."""
        settings, name = self._settings, self._blueprint.name
        outlet = KafkaOutlet(settings, f"{settings.topics_prefix}{name}")
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._relay = Relay(entities, outlet, owner, self._blueprint.readers)
        relay = BackgroundLoop("relay", self._relay.step)
        tell = _teller(entities, outlet, self._blueprint.control_topic)
        upkeep = Upkeep(entities, tell, gap_age_s=settings.gap_age_s, consumer=name)
        self._loops = [relay, BackgroundLoop("upkeep", upkeep.step), *parts.loops]
        channels = {f"{name}_unpublished": relay.wake.set, **parts.channels}
        self._watch_input(entities, parts, outlet)
        self._add_timers(entities, parts, channels)
        self._closing[:0] = [*parts.closing, self._relay.resign, outlet.rebuild]
        return Listener(settings.database_dsn, channels)

    def _watch_input(self, entities: Entities, parts: Parts, outlet: KafkaOutlet) -> None:
        blueprint, settings = self._blueprint, self._settings
        topics = (*blueprint.streams.inputs, *blueprint.foreign_topics, blueprint.control_topic)
        reader = Reader(
            settings.topics_prefix,
            frozenset(blueprint.streams.inputs),
            frozenset(blueprint.foreign_topics),
            blueprint.control_topic,
            blueprint.codec,
        )
        consumer = Consumer(blueprint.name, entities, reader, parts.logic, parts.foreign)
        self._bus = Bus(settings, blueprint.name, topics, consumer.handle)
        self._loops.append(BackgroundLoop("broker", _BrokerWatch(outlet, self._bus).step))
        if parts.foreign is not None:
            patience = Patience(
                entities, reader, parts.foreign, unknown_wait_s=settings.unknown_wait_s
            )
            self._loops.append(BackgroundLoop("patience", patience.step))

    def _add_timers(
        self, entities: Entities, parts: Parts, channels: dict[str, Callable[[], None]]
    ) -> None:
        self._timers: Timers | None = None
        if parts.logic is None:
            return
        self._timers = Timers(entities, parts.logic, stale_after_s=self._settings.stale_after_s)
        loop = BackgroundLoop("timers", self._timers.step)
        self._loops.append(loop)
        channels[f"{self._blueprint.name}_wake"] = loop.wake.set
        channels["recourse_clock"] = loop.wake.set

    def _operations(self, entities: Entities, parts: Parts) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        report: list[QuietReport] = []

        @router.get("/livez")
        async def live() -> dict[str, str]:
            return {"status": "live"}

        @router.get("/readyz")
        async def ready() -> JSONResponse:
            unwell = await self._unwell(entities)
            status = 503 if unwell else 200
            return JSONResponse(
                {"status": "not ready" if unwell else "ready", "unwell": unwell}, status
            )

        @router.get("/internal/quiet")
        async def quiet(since: int) -> JSONResponse:
            if not report:
                report.append(QuietReport(entities, self._bus, parts.busy, self._counters))
            return JSONResponse(await report[0](since))

        return router

    async def _unwell(self, entities: Entities) -> list[str]:
        unwell = [loop.name for loop in self._loops if not loop.well]
        if self._bus is not None and not self._bus.well():
            unwell.append("consumer")
        try:
            await asyncio.wait_for(entities.now(), 2)
        except UNREACHABLE:
            unwell.append("database")
        return unwell

    def _counters(self) -> dict[str, int]:
        consumed = {
            sample.labels["outcome"]: int(sample.value)
            for metric in telemetry.CONSUMED.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        fired = self._timers.fired if self._timers else 0
        return {**consumed, "published": self._relay.published, "fired": fired}

    async def _stop(self, listener: Listener) -> None:
        """Consumer first, so that what it decided can still be relayed; then loops, then pools."""
        if self._bus is not None:
            await _within(self._bus.stop(), 4)
        for loop in reversed(self._loops):
            await _within(loop.stop(), 2)
        await _within(listener.stop(), 1)
        for close in self._closing:
            await _within(close(), 2)


class _BrokerWatch:
    """Notices a broker that forgot everything, and a consumer that stopped fetching."""

    _SILENT_S = 60.0

    def __init__(self, outlet: KafkaOutlet, bus: Bus) -> None:
        self._outlet = outlet
        self._bus = bus
        self._cluster: str | None = None
        self._seen: dict[object, int] = {}
        self._moved_at = 0.0

    async def step(self) -> float:
        current = await self._outlet.cluster_id()
        if self._cluster not in (None, current):
            _log.warning("another_broker", cluster=current)
            await self._bus.restart()
        self._cluster = current
        await self._wake_the_dead()
        return 1.0

    async def _wake_the_dead(self) -> None:
        now = asyncio.get_running_loop().time()
        answers = {partition: at for partition, (at, _) in self._bus.fetched_at().items()}
        if answers != self._seen or not answers:
            self._seen, self._moved_at = dict(answers), now
        elif now - self._moved_at > self._SILENT_S:
            _log.error("consumer_silent", seconds=self._SILENT_S)
            self._moved_at = now
            await self._bus.restart()


def _teller(
    entities: Entities, outlet: KafkaOutlet, topic: str
) -> Callable[[Emittable, UUID], Awaitable[None]]:
    """Publishes on the control topic, best effort: whatever is lost is said again."""
    codec, source = entities.codec, entities.streams.source

    async def tell(message: Emittable, id: UUID) -> None:
        now = await entities.now()
        value = codec.dump_value(message.split()[0], None)
        event = codec.make(id, source, message.type_name(), None, 0, "", now.domain, b"", value)
        await outlet.publish([(topic, None, codec.headers(event), value)])

    return tell


async def _within(work: Awaitable[None], seconds: float) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except UNREACHABLE as error:
        _log.warning("slow_stop", error=type(error).__name__)


def main(blueprint: Blueprint, settings: Settings) -> None:
    """Run a service until it is told to stop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(Service(blueprint, settings).run())
    else:
        uvloop.run(Service(blueprint, settings).run())
