"""The embedded PostgreSQL, broker and mail sink, for real."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import topic_names
from services.ground.roles import DATABASE, ROLES
from services.local import kafka_apache, mail, postgres, tansu
from services.local.bootstrap import bootstrap
from services.local.broker import Broker
from services.local.process import Supervised
from services.local.state import StateFolder

DEADLINE_S = 60.0


async def kill_and_wait(process: Supervised) -> None:
    restarts, pid = process.restarts, process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE_S):
        while process.restarts == restarts or not process.is_ready:
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[postgres.Postgres]:
    async with postgres.running(tmp_path) as running:
        yield running


async def test_postgres_is_18_in_utf8_and_keeps_what_was_committed_over_a_kill(
    server: postgres.Postgres,
) -> None:
    connection = await asyncpg.connect(server.dsn())
    assert connection.get_server_version().major == 18
    assert await connection.fetchval("show server_encoding") == "UTF8"
    assert await connection.fetchval("select upper('é') || lower('Ж')") == "Éж"
    await connection.execute("create table kept as select 42 as value")
    await kill_and_wait(server.process)
    connection.terminate()
    connection = await asyncpg.connect(server.dsn())
    assert await connection.fetchval("select value from kept") == 42
    await connection.close()


async def test_bootstrap_gives_each_role_its_schema_and_can_be_repeated(
    server: postgres.Postgres, tmp_path: Path
) -> None:
    passwords = StateFolder(tmp_path).passwords(ROLES)
    dsns = await bootstrap(server, passwords)
    assert set(dsns) == {"intake", "escalation", "notifier", "keys"}
    for role, dsn in dsns.items():
        connection = await asyncpg.connect(dsn)
        await connection.execute("create table mine(value int)")
        assert await connection.fetchval("select current_schema") == role
        await connection.close()
    assert await bootstrap(server, passwords) == dsns
    connection = await asyncpg.connect(dsns["intake"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("select * from escalation.mine")
    await connection.execute("select value from mine")
    await connection.close()


async def test_a_wrong_password_is_refused(server: postgres.Postgres, tmp_path: Path) -> None:
    await bootstrap(server, StateFolder(tmp_path).passwords(ROLES))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn(DATABASE, "intake", "guessed"))


async def test_postgres_keeps_port_and_data_over_a_restart_of_the_stack(tmp_path: Path) -> None:
    async with postgres.running(tmp_path, durable=False) as first:
        connection = await asyncpg.connect(first.dsn())
        await connection.execute("create table kept as select 1 as value")
        await connection.close()
    async with postgres.running(tmp_path, durable=False) as second:
        assert second.dsn() == first.dsn()
        connection = await asyncpg.connect(second.dsn())
        assert await connection.fetchval("select value from kept") == 1
        await connection.close()


async def described(broker: Broker) -> tuple[str, dict[str, int]]:
    """The cluster id, and the number of partitions by topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        cluster: dict[str, Any] = await admin.describe_cluster()
        topics = await admin.describe_topics()
    finally:
        await admin.close()
    return cluster["cluster_id"], {one["topic"]: len(one["partitions"]) for one in topics}


async def test_the_embedded_broker_has_all_topics_again_and_a_new_id_after_a_kill(
    tmp_path: Path,
) -> None:
    async with tansu.running(tmp_path, "try.") as broker:
        first_id, topics = await described(broker)
        assert topics == dict.fromkeys(topic_names("try."), 4)
        await kill_and_wait(broker.process)
        second_id, topics = await described(broker)
        assert topics == dict.fromkeys(topic_names("try."), 4)
        assert second_id != first_id


async def test_the_embedded_broker_is_restarted_before_a_partition_grows_too_long(
    tmp_path: Path,
) -> None:
    async with tansu.running(tmp_path, "try.", longest=50, watch_each_s=0.1) as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await producer.start()
        for number in range(60):
            await producer.send_and_wait("try.cases", b"%d" % number, partition=0)
        await producer.stop()
        async with asyncio.timeout(DEADLINE_S):
            while broker.process.restarts == 0 or not broker.process.is_ready:
                await asyncio.sleep(0.01)
        assert (await described(broker))[1] == dict.fromkeys(topic_names("try."), 4)


@pytest.mark.needs_apache
@pytest.mark.skipif(
    kafka_apache.missing_tools() is not None, reason=str(kafka_apache.missing_tools())
)
async def test_apache_kafka_keeps_topics_and_records_over_a_kill_and_a_restart(
    tmp_path: Path,
) -> None:
    async with kafka_apache.running(tmp_path, "try.") as broker:
        first_id, topics = await described(broker)
        assert {name: topics[name] for name in topic_names("try.")} == dict.fromkeys(
            topic_names("try."), 12
        )
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True)
        await producer.start()
        await producer.send_and_wait("try.cases", b"kept", partition=3)
        await producer.stop()
        await kill_and_wait(broker.process)
    async with kafka_apache.running(tmp_path, "try.") as again:
        assert again.bootstrap == broker.bootstrap
        assert (await described(again))[0] == first_id
        partition = TopicPartition("try.cases", 3)
        consumer = AIOKafkaConsumer(bootstrap_servers=again.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([partition])
        async with asyncio.timeout(DEADLINE_S):
            assert (await consumer.getone(partition)).value == b"kept"
        await consumer.stop()


async def test_the_mail_sink_takes_mail_and_remembers_it(tmp_path: Path) -> None:
    at = datetime(2026, 11, 20, 9, 58, tzinfo=UTC)
    message = EmailMessage()
    message["From"], message["To"] = "desk@example.com", "customer@example.com"
    message["Subject"] = "案件升级"
    message.set_content("您好")
    async with mail.running(tmp_path, lambda: at) as sink:
        await aiosmtplib.send(message, hostname="127.0.0.1", port=sink.port)
        (received,) = sink.mails
    assert received.subject == "案件升级"
    assert received.to == ("customer@example.com",)
    assert received.at == at.isoformat()
    with (tmp_path / "mail.jsonl").open("a") as file:
        file.write('{"id": "2", "sender": "cut o')
    async with mail.running(tmp_path, lambda: at) as sink:
        assert sink.mails == [received]
        await aiosmtplib.send(message, hostname="127.0.0.1", port=sink.port)
        assert [one.id for one in sink.mails] == ["1", "2"]
    async with mail.running(tmp_path, lambda: at) as sink:
        assert len(sink.mails) == 2
