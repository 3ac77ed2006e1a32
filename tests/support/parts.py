"""The real parts that tests run against, chosen once a run: containers, native, or embedded.

`RECOURSE_TEST_KAFKA` (what `make test KAFKA=` sets) says which: `embedded` (the default), `apache`
(Apache Kafka on this machine's Java), `docker` (broker and PostgreSQL in containers, or fail), or
`auto`: containers where a Docker engine can really start them, else Apache Kafka on Java, else
embedded. That an engine answers is not enough: it may be unable to have the image.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

from services.ground.topics import TopicPlan
from services.local import kafka_apache, postgres, tansu
from services.local.broker import BrokerAddress, KafkaProfile
from services.local.ports import LOOPBACK, free_port
from services.local.topics import create_topics

WANTED = os.environ.get("RECOURSE_TEST_KAFKA", "embedded")
CONTAINERS = WANTED in {"auto", "docker"}
POSTGRES_IMAGE = "postgres:18"
KAFKA_IMAGE = "apache/kafka:4.3.0"
NO_APACHE = "needs Apache Kafka (run with KAFKA=auto): "
chosen: dict[str, str] = {}
"""What the run took for each part and why not the better one; told at its end."""

_PASSWORD = "secret"
_READY_S = 60
_PART = TypeVar("_PART")
_Opening = Callable[[], AbstractAsyncContextManager[_PART]]


class Server(Protocol):
    """A PostgreSQL server, wherever it runs."""

    def dsn(
        self, database: str = "postgres", role: str = "postgres", password: str | None = None
    ) -> str:
        """The address of a database for a role; the superuser's when no role is named."""


@dataclass(frozen=True, slots=True)
class ContainedPostgres:
    """A PostgreSQL server in a container, published on this port of loopback."""

    port: int

    def dsn(
        self, database: str = "postgres", role: str = "postgres", password: str | None = None
    ) -> str:
        return f"postgresql://{role}:{password or _PASSWORD}@{LOOPBACK}:{self.port}/{database}"


def stack_broker() -> str:
    """The broker of the stacks that tests start as processes: never a container."""
    if WANTED == "apache" or (CONTAINERS and kafka_apache.missing_tools() is None):
        return "apache"
    return "embedded"


@asynccontextmanager
async def a_postgres(state: Path) -> AsyncIterator[Server]:
    """PostgreSQL 18 in a container if that is wanted and works, else out of the wheel."""
    options: list[tuple[str, _Opening[Server]]] = []
    if CONTAINERS:
        options.append((f"{POSTGRES_IMAGE} in Docker", _contained_postgres))
    if WANTED != "docker":
        options.append(("PostgreSQL embedded", lambda: postgres.running(state, durable=False)))
    async with _first_that_starts("database", options) as server:
        yield server


@asynccontextmanager
async def a_broker(state: Path) -> AsyncIterator[BrokerAddress]:
    """The best broker that is wanted and starts."""
    options: list[tuple[str, _Opening[BrokerAddress]]] = []
    if CONTAINERS:
        options.append((f"{KAFKA_IMAGE} in Docker", _contained_kafka))
    if WANTED in {"apache", "auto"}:
        options.append(("Apache Kafka on Java", lambda: kafka_apache.running(state)))
    if WANTED in {"embedded", "auto"}:
        options.append(("embedded", lambda: tansu.running(state)))
    async with _first_that_starts("broker", options) as broker:
        yield broker


@asynccontextmanager
async def _first_that_starts(
    part: str, options: list[tuple[str, _Opening[_PART]]]
) -> AsyncIterator[_PART]:
    refused: list[str] = []
    async with AsyncExitStack() as running:
        for name, opening in options:
            last = name == options[-1][0]
            try:
                started = await running.enter_async_context(opening())
            except Exception as error:
                if last:
                    raise
                refused.append(f"not {name}: {str(error).splitlines()[0][:200]}")
            else:
                chosen[part] = "; ".join([name, *refused])
                yield started
                return


@asynccontextmanager
async def _contained_postgres() -> AsyncIterator[Server]:
    port = free_port()
    command = "postgres -c max_connections=200 -c jit=off -c fsync=off -c full_page_writes=off"
    environment = {"POSTGRES_PASSWORD": _PASSWORD}
    async with _container(POSTGRES_IMAGE, {5432: port}, environment, command):
        server = ContainedPostgres(port)
        await _until(lambda: _answers(server.dsn()))
        yield server


@asynccontextmanager
async def _contained_kafka() -> AsyncIterator[BrokerAddress]:
    """The advertised listener must name the published port, so that is drawn first."""
    port = free_port()
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    async with _container(KAFKA_IMAGE, {9092: port}, environment):
        address = BrokerAddress(f"{LOOPBACK}:{port}", KafkaProfile.APACHE)
        plan = TopicPlan("recourse.", address.profile.partitions)
        async with asyncio.timeout(_READY_S):
            await create_topics(address.bootstrap, plan)
        yield address


@asynccontextmanager
async def _container(
    image: str, ports: dict[int, int], environment: dict[str, str], command: str = ""
) -> AsyncIterator[None]:
    """A container, published on loopback only, removed with its volumes on leaving."""
    # Its reaper is one more image to have; what is started here is stopped here.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer

    await asyncio.to_thread(_engine_answers)
    container = DockerContainer(image).with_envs(**environment)
    container.ports |= {str(inside): _on_loopback(port) for inside, port in ports.items()}
    if command:
        container.with_command(command)
    try:
        await asyncio.to_thread(container.start)
        yield
    finally:
        await asyncio.to_thread(container.stop)


def _engine_answers() -> None:
    """Within two seconds; without this a client waits a minute."""
    import docker

    client = docker.from_env(timeout=2)
    try:
        client.ping()
    finally:
        client.close()


def _on_loopback(port: int) -> Any:
    """As the Docker client takes it; testcontainers only knows numbers."""
    return (LOOPBACK, port)


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    await connection.close()
    return True


async def _until(condition: Any) -> None:
    async with asyncio.timeout(_READY_S):
        while not await condition():
            await asyncio.sleep(0.05)
