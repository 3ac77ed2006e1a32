"""What the benchmarks stand on: one PostgreSQL (durable) and one broker for the whole run.

Each measurement gets a `Place` of its own: a fresh database and fresh topics, so that none sees
what another left.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, assert_never

from benchmarks.machine import memory_mib
from benchmarks.measurement import Row
from benchmarks.spawn import Spawned, spawned
from services.ground.roles import KEYS, ROLES
from services.ground.topics import TopicPlan
from services.local import kafka_apache, postgres, tansu
from services.local.bootstrap import bootstrap
from services.local.broker import Broker, KafkaProfile
from services.local.ports import free_port
from services.local.postgres import Postgres
from services.local.process import scrubbed_environment
from services.local.topics import create_topics
from services.local.workers import Surroundings, service_command, service_environment

CODE = Path(__file__).resolve().parents[1]
_SERVER: Final = {"shared_buffers": f"{memory_mib() // 4}MB", "max_wal_size": "8GB"}
"""As a server for a million cases would be set: a quarter of the memory, as PostgreSQL's manual
says; the rest is its own default."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database and topics that belong to one measurement."""

    dsns: Mapping[str, str]
    admin_dsn: str
    prefix: str
    broker: Broker
    logs: Path
    master_key: str = field(
        default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode(), repr=False
    )

    @contextlib.asynccontextmanager
    async def service(self, name: str) -> AsyncIterator[Spawned]:
        """One of the services as a process, as the local stack starts it."""
        async with self.in_place_of(name, service_command(name)) as process:
            yield process

    @contextlib.asynccontextmanager
    async def in_place_of(self, name: str, command: Sequence[str]) -> AsyncIterator[Spawned]:
        """A command with everything that it needs to run as that service."""
        port = free_port()
        around = Surroundings(
            dsns=self.dsns,
            broker=self.broker,
            topics_prefix=self.prefix,
            smtp_port=free_port(),
            simulated=False,
            packs=(),
            roster=None,
            evidence=self.logs / "evidence",
        )
        environment = service_environment(name, port, around, self.master_key)
        log = self.logs / f"{self.prefix}{name}.log"
        async with spawned(command, environment, port, log=log) as process:
            yield process

    def settings(self, role: str) -> dict[str, Any]:
        """What the settings of a service need, for one that runs inside the benchmark."""
        return {
            "database_dsn": self.dsns[role],
            "keys_dsn": self.dsns[KEYS],
            "master_key": self.master_key,
            "kafka_bootstrap": self.broker.bootstrap,
            "kafka_profile": self.broker.profile.value,
            "topics_prefix": self.prefix,
            "partitions": self.broker.profile.partitions,
        }


@dataclass(slots=True)
class Ground:
    """The running servers. `tell` takes rows of a measurement that goes on."""

    server: Postgres
    broker: Broker
    folder: Path
    tell: Callable[[Sequence[Row]], None]
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def place(self) -> Place:
        """A fresh database and fresh topics."""
        name = f"bench{next(self._numbers)}"
        dsns = await bootstrap(self.server, dict.fromkeys(ROLES, "bench"), name)
        prefix = f"{name}."
        plan = TopicPlan(prefix, self.broker.profile.partitions)
        await create_topics(self.broker.bootstrap, plan)
        return Place(dsns, self.server.dsn(name), prefix, self.broker, self.folder)


@contextlib.asynccontextmanager
async def running(
    kafka: KafkaProfile, tell: Callable[[Sequence[Row]], None]
) -> AsyncIterator[Ground]:
    """PostgreSQL as durable as in earnest, and the broker. Raises `StartFailed`."""
    with tempfile.TemporaryDirectory(prefix="rcb", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with contextlib.AsyncExitStack() as parts:
            server = await parts.enter_async_context(
                postgres.running(folder, durable=True, settings=_SERVER)
            )
            broker = await parts.enter_async_context(_broker(kafka, folder))
            yield Ground(server, broker, folder, tell)


def bare_environment(**extra: str) -> dict[str, str]:
    """The environment of a baseline: this code, nothing of ours."""
    return scrubbed_environment(PYTHONPATH=str(CODE), PYTHONUNBUFFERED="1", **extra)


def _broker(kafka: KafkaProfile, folder: Path) -> contextlib.AbstractAsyncContextManager[Broker]:
    match kafka:
        case KafkaProfile.EMBEDDED:
            return tansu.running(folder)
        case KafkaProfile.APACHE:
            return kafka_apache.running(folder)
    assert_never(kafka)
