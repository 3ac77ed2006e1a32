"""The real parts that tests run against: PostgreSQL and a Kafka-protocol broker, once a session.

Which they are is decided in `tests/support/parts.py`: `make test KAFKA=apache`, `docker`, `auto`.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest

from services.ground.roles import ROLES, prepare
from services.ground.topics import TopicPlan
from services.kit import telemetry
from services.local.broker import BrokerAddress, KafkaProfile
from services.local.topics import create_topics
from tests.support import parts
from tests.support.parts import Server

KAFKA = parts.stack_broker()

# What an example takes says how busy the machine is; speed is measured in benchmarks/.
hypothesis.settings.register_profile("recourse", deadline=None)
hypothesis.settings.load_profile("recourse")


def pytest_report_header() -> str:
    """Say which broker was asked for."""
    return f"recourse: broker wanted: {parts.WANTED}; stacks that tests start run on: {KAFKA}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the run really used, and why not something better."""
    for part, what in parts.chosen.items():
        terminalreporter.write_line(f"{part}: {what}")


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
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """PostgreSQL 18 with a template database that has roles and schemas."""
    async with parts.a_postgres(tmp_path_factory.mktemp("pg")) as server:
        await prepare(server.dsn(), dict.fromkeys(ROLES, "secret"), "template_recourse")
        yield server


@pytest.fixture
async def dsns(postgres_server: Server) -> AsyncIterator[dict[str, str]]:
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


@pytest.fixture(scope="session")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrokerAddress]:
    """A broker that all tests share; each has topics of its own (`prefix`)."""
    async with parts.a_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def apache(broker: BrokerAddress) -> BrokerAddress:
    """The broker, for a test that needs what the embedded one does not do."""
    if broker.profile is not KafkaProfile.APACHE:
        pytest.skip(f"{parts.NO_APACHE}{parts.chosen['broker']}")
    return broker


@pytest.fixture
async def prefix(broker: BrokerAddress) -> str:
    """A prefix whose topics exist and are empty."""
    name = f"t{uuid.uuid4().hex[:8]}."
    await create_topics(broker.bootstrap, TopicPlan(name, broker.profile.partitions))
    return name


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """As in production: structlog's own default would print the locals of a traceback."""
    telemetry.set_up_logging("tests", "INFO")
