"""The real parts that tests run against: PostgreSQL and a Kafka-protocol broker, once a session.

`RECOURSE_TEST_KAFKA=apache` (what `make test KAFKA=apache` sets) takes Apache Kafka instead of the
embedded broker.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import asyncpg
import pytest

from services.kit import telemetry
from services.local import kafka_apache, postgres, tansu
from services.local.bootstrap import ROLES, bootstrap
from services.local.broker import Broker
from services.local.postgres import Postgres
from services.local.topics import TopicPlan, create_topics

KAFKA = os.environ.get("RECOURSE_TEST_KAFKA", "embedded")


def pytest_report_header() -> str:
    """Say which broker the run used."""
    return f"recourse: PostgreSQL 18 (embedded), broker: {KAFKA}"


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders of this run's own.

    Runs of pytest share a folder otherwise, and each closes it to the account that PostgreSQL
    runs as when we are root.
    """
    if config.option.basetemp is None:
        folder = tempfile.mkdtemp(prefix="recourse-tests-")
        config.option.basetemp = Path(folder) / "run"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """PostgreSQL 18 with a template database that has roles and schemas."""
    async with postgres.running(tmp_path_factory.mktemp("pg"), durable=False) as server:
        await bootstrap(server, dict.fromkeys(ROLES, "secret"), "template_recourse")
        yield server


@pytest.fixture
async def dsns(postgres_server: Postgres) -> AsyncIterator[dict[str, str]]:
    """A fresh database: the DSN of each role, and the superuser's under `admin`."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(postgres_server.dsn())
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template_recourse')
        yield {
            **{role: postgres_server.dsn(name, role, "secret") for role in ROLES},
            "admin": postgres_server.dsn(name),
        }
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


def _running_broker(state: Path) -> AbstractAsyncContextManager[Broker]:
    return kafka_apache.running(state) if KAFKA == "apache" else tansu.running(state)


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    """A broker that all tests share; each has topics of its own (`prefix`)."""
    async with _running_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
async def prefix(broker: Broker) -> str:
    """A prefix whose topics exist and are empty."""
    name = f"t{uuid.uuid4().hex[:8]}."
    await create_topics(broker.bootstrap, TopicPlan(name, broker.profile.partitions))
    return name


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """As in production: structlog's own default would print the locals of a traceback."""
    telemetry.set_up_logging("tests", "INFO")
