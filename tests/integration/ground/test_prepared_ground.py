"""`recourse topics` and `recourse database` on a real broker and a real server."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from typer.testing import CliRunner, Result

from schemas.topics import TOPICS
from services.cli.main import app
from services.ground.roles import ROLES
from services.local.broker import BrokerAddress
from tests.support.parts import Server


def recourse(*words: str) -> Result:
    return CliRunner().invoke(app, words)


async def in_a_thread(*words: str) -> Result:
    """For tests whose loop is running: the command has a loop of its own."""
    return await asyncio.to_thread(recourse, *words)


@pytest.fixture
def where(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("RECOURSE_REPLICATION", "1")
    return monkeypatch


@pytest.fixture
def fresh(where: pytest.MonkeyPatch, apache: BrokerAddress) -> str:
    """A prefix that no topic has yet."""
    prefix = f"g{uuid.uuid4().hex[:8]}."
    where.setenv("RECOURSE_KAFKA_BOOTSTRAP", apache.bootstrap)
    where.setenv("RECOURSE_TOPICS_PREFIX", prefix)
    return prefix


@pytest.mark.needs_apache
def test_topics_are_created_once_with_what_the_table_says(fresh: str) -> None:
    assert recourse("topics", "check").exit_code == 1
    created = recourse("topics", "create")
    assert created.exit_code == 0, created.output
    lines = created.output.splitlines()
    assert len(lines) == len(TOPICS)
    assert f"created  {fresh}cases: partitions 12, replication 1, kept 30 days" in lines
    assert f"created  {fresh}reports: partitions 12, replication 1, kept 7 days" in lines
    again = recourse("topics", "create")
    assert again.output.replace("ok     ", "created") == created.output
    assert recourse("topics", "check").exit_code == 0


@pytest.mark.needs_apache
async def test_a_topic_that_differs_is_told_and_left_alone(
    fresh: str, apache: BrokerAddress
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=apache.bootstrap)
    await admin.start()
    settings = {"retention.ms": "1000"}
    await admin.create_topics([NewTopic(f"{fresh}cases", 3, 1, topic_configs=settings)])
    created = await in_a_thread("topics", "create")
    assert created.exit_code == 0
    differs = f"differs  {fresh}cases: partitions is 3, wanted 12; retention.ms is 1000, wanted"
    assert differs in created.output
    assert f"created  {fresh}deliveries" in created.output
    (topic,) = await admin.describe_topics([f"{fresh}cases"])
    assert len(topic["partitions"]) == 3
    await admin.close()
    assert (await in_a_thread("topics", "check")).exit_code == 1


@pytest.mark.needs_apache
def test_copies_that_the_cluster_cannot_hold_are_refused_with_the_reason(
    fresh: str, where: pytest.MonkeyPatch
) -> None:
    where.setenv("RECOURSE_REPLICATION", "3")
    refused = recourse("topics", "create", "--wait", "0")
    assert refused.exit_code == 1
    assert "replication factor of 3" in refused.stderr


def test_a_broker_that_is_away_is_named(where: pytest.MonkeyPatch) -> None:
    where.setenv("RECOURSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    refused = recourse("topics", "create", "--wait", "0")
    assert refused.exit_code == 1
    assert "Kafka at 127.0.0.1:1" in refused.stderr


@pytest.fixture
async def wanted(
    postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, str]]:
    """DSNs of the four roles in a database that is not there yet.

    Roles are the whole server's: the passwords that other tests use are put back.
    """
    name = f"g_{uuid.uuid4().hex[:8]}"
    dsns = {role: postgres_server.dsn(name, role, f"it's%20{role}") for role in ROLES}
    monkeypatch.setenv("RECOURSE_ADMIN_DSN", postgres_server.dsn())
    for role, dsn in dsns.items():
        monkeypatch.setenv(f"RECOURSE_{role.upper()}_DSN", dsn)
    yield dsns
    admin = await asyncpg.connect(postgres_server.dsn())
    await admin.execute(f'drop database if exists "{name}" with (force)')
    for role in ROLES:
        await admin.execute(f"alter role {role} password 'secret'")
    await admin.close()


async def test_a_database_is_prepared_twice_and_each_role_sees_its_own(
    wanted: dict[str, str],
) -> None:
    for _ in range(2):
        prepared = await in_a_thread("database", "prepare")
        assert prepared.exit_code == 0, prepared.output
    assert "is ready for intake, escalation, notifier, keys" in prepared.output
    seen = {}
    for role, dsn in wanted.items():
        connection = await asyncpg.connect(dsn)
        await connection.execute("create table mine(value int)")
        seen[role] = [await _may(connection, other) for other in ROLES]
        assert not await connection.fetchval(
            "select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = user"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table public.stray(value int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create schema stray")
        await connection.close()
    assert seen == {role: [role == other for other in ROLES] for role in ROLES}, json.dumps(seen)


async def _may(connection: asyncpg.Connection, schema: str) -> bool:
    statement = "select has_schema_privilege($1, 'usage') or has_schema_privilege($1, 'create')"
    return bool(await connection.fetchval(statement, schema))


async def test_dsns_that_do_not_fit_are_refused(
    wanted: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOURSE_INTAKE_DSN", wanted["notifier"])
    refused = await in_a_thread("database", "prepare")
    assert refused.exit_code == 1
    assert "RECOURSE_INTAKE_DSN must be of role intake" in refused.stderr
