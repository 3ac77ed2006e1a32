"""The whole local stack, put together: what starts in which order, and stops in the reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, assert_never

from services.front import app as front
from services.front.routing import Front
from services.ground.roles import DATABASE, ROLES
from services.kit.identity.principal import Role
from services.local import clock_row, kafka_apache, mail, postgres, tansu
from services.local.bootstrap import bootstrap
from services.local.broker import Broker, KafkaProfile
from services.local.clock_row import ClockRow
from services.local.description import Stack, StackOptions
from services.local.faults import StartFailed
from services.local.issuer import Issuer, Signed
from services.local.local_api import LocalApi
from services.local.postgres import Postgres
from services.local.process import Supervised
from services.local.quiet import QuietWatch
from services.local.serving import address_of, listener, serving
from services.local.simulated_time import SimulatedTime
from services.local.state import StateFolder
from services.local.workers import (
    Surroundings,
    service_ports,
    service_urls,
    supervised_services,
)

log = logging.getLogger(__name__)

_SERVICES_READY_S: Final = 90.0


@contextlib.asynccontextmanager
async def running(options: StackOptions) -> AsyncIterator[Stack]:
    """A stack that is ready; all of it is stopped on leaving, its state stays.

    Raises StartFailed.
    """
    folder = StateFolder(options.state)
    async with contextlib.AsyncExitStack() as parts:
        parts.enter_context(folder.locked())
        folder.put_logs_aside()
        # Taken first: a port that is taken should not cost the wait for everything else.
        sock = parts.enter_context(listener(options.port))
        ground = await _ground(options, folder, parts)
        ports = service_ports(folder)
        clients = await parts.enter_async_context(front.clients(service_urls(ports)))
        issuer = Issuer(f"{address_of(sock)}/local") if options.identity else None
        api = await _services(options, folder, ground, ports, issuer, parts)
        app = Front(clients).app([*api.routes(), *(issuer.routes() if issuer else ())])
        http = await parts.enter_async_context(serving(app, sock))
        stack = _stack(options, folder, ground, http, ports)
        parts.enter_context(folder.described(stack.description()))
        yield stack


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the services stand on. `start` is where simulated time starts; None: time is real."""

    server: Postgres
    broker: Broker
    dsns: Mapping[str, str]
    row: ClockRow
    start: datetime | None


async def _ground(
    options: StackOptions, folder: StateFolder, parts: contextlib.AsyncExitStack
) -> _Ground:
    log.info("starting PostgreSQL and Kafka (%s), state in %s", options.kafka, folder.path)
    async with _started_together() as group:
        server_start = group.create_task(parts.enter_async_context(postgres.running(folder.path)))
        broker_start = group.create_task(parts.enter_async_context(_broker(options, folder)))
    server = server_start.result()
    dsns = await bootstrap(server, folder.passwords(ROLES))
    row = await parts.enter_async_context(clock_row.opened(server.dsn(DATABASE)))
    start = _later(await row.now(), options.clock)
    return _Ground(server, broker_start.result(), dsns, row, start)


def _broker(
    options: StackOptions, folder: StateFolder
) -> contextlib.AbstractAsyncContextManager[Broker]:
    match options.kafka:
        case KafkaProfile.EMBEDDED:
            return tansu.running(folder.path, options.topics_prefix)
        case KafkaProfile.APACHE:
            return kafka_apache.running(folder.path, options.topics_prefix)
    assert_never(options.kafka)


async def _services(
    options: StackOptions,
    folder: StateFolder,
    ground: _Ground,
    ports: Mapping[str, int],
    issuer: Issuer | None,
    parts: contextlib.AsyncExitStack,
) -> LocalApi:
    signed = Signed(issuer, Role.OPS, "local-stack") if issuer else None
    own_clients = front.clients(service_urls(ports), signed)
    quiet = QuietWatch(await parts.enter_async_context(own_clients))
    time = None if ground.start is None else SimulatedTime(ground.row, quiet, ground.start)
    sink = await parts.enter_async_context(
        mail.running(folder.path, lambda: datetime.now(UTC) if time is None else time.now)
    )
    around = Surroundings(
        dsns=ground.dsns,
        broker=ground.broker,
        topics_prefix=options.topics_prefix,
        smtp_port=sink.port,
        simulated=time is not None,
        issuer=issuer.url if issuer else None,
        packs=options.packs,
        roster=options.roster,
        shadow=options.shadow,
        evidence=folder.evidence,
    )
    services = supervised_services(folder, ports, around, options.command)
    parts.push_async_callback(_stop_all, services.values())
    await _start_all(services, ground)
    processes = {"postgres": ground.server.process, "kafka": ground.broker.process, **services}
    return LocalApi(processes, quiet, sink, time)


async def _start_all(services: Mapping[str, Supervised], ground: _Ground) -> None:
    log.info("starting %s", ", ".join(services))
    async with _started_together() as group:
        for service in services.values():
            await service.start()
            group.create_task(service.wait_ready(_SERVICES_READY_S))
        if ground.start is not None:
            group.create_task(ground.row.establish(ground.start))


async def _stop_all(services: Iterable[Supervised]) -> None:
    await asyncio.gather(*(service.stop() for service in services))


@contextlib.asynccontextmanager
async def _started_together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first StartFailed is raised as itself, without a group around it."""
    failed: list[StartFailed] = []
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except* StartFailed as several:
        failed = [fault for fault in several.exceptions if isinstance(fault, StartFailed)]
    if failed:
        raise failed[0]


def _later(there: datetime | None, asked: datetime | None) -> datetime | None:
    """A simulated clock never goes back, not even over a restart; shown in the offset asked."""
    if there is None or asked is None:
        return there or asked
    return max(there, asked).astimezone(asked.tzinfo)


def _stack(
    options: StackOptions,
    folder: StateFolder,
    ground: _Ground,
    http: str,
    ports: Mapping[str, int],
) -> Stack:
    return Stack(
        http=http,
        kafka=ground.broker.bootstrap,
        postgres=ground.server.dsn(DATABASE),
        topics_prefix=options.topics_prefix,
        profile=ground.broker.profile,
        dsns=ground.dsns,
        services=service_urls(ports),
        master_key_file=folder.master_key_file(),
        state=folder.path,
    )
