"""Intake as a process of its own, between a real database and a real broker."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.local.broker import BrokerAddress
from tests.support.cases import report_body
from tests.support.kit import MASTER, until

ROOT = Path(__file__).parents[3]
SECRETS = ("张三", "李四", "转账", "customer@example.com", "13800000000", "tx-5567", "cust-1001")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_DSN": dsns["intake"],
        "RECOURSE_KEYS_DSN": dsns["keys"],
        "RECOURSE_MASTER_KEY": base64.b64encode(MASTER).decode(),
        "RECOURSE_KAFKA_BOOTSTRAP": broker.bootstrap,
        "RECOURSE_KAFKA_PROFILE": broker.profile.value,
        "RECOURSE_TOPICS_PREFIX": prefix,
        "RECOURSE_PARTITIONS": str(broker.profile.partitions),
        "RECOURSE_HTTP_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "run", "intake", env=environment
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def ready() -> bool:
                assert process.returncode is None, "intake ended by itself"
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
            yield client
        process.terminate()
        # uvicorn stops in order, then dies of the very signal, as a shell expects.
        assert await asyncio.wait_for(process.wait(), 10) in {0, -signal.SIGTERM}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def events(broker: BrokerAddress, topic: str, number: int) -> list[Any]:
    """The first records of a topic that carry a case's event."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[Any] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < number:
                record = await consumer.getone()
                if dict(record.headers).get("ce_sequence"):
                    found.append(record)
    finally:
        await consumer.stop()
    return found


async def send(broker: BrokerAddress, topic: str, *bodies: dict[str, Any]) -> None:
    """`case.reported` messages, as another backend would send them."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=False)
    await producer.start()
    try:
        for number, body in enumerate(bodies):
            headers = {
                "ce_specversion": "1.0",
                "ce_id": f"m-{number}",
                "ce_source": "backend",
                "ce_type": "case.reported",
            }
            await producer.send_and_wait(
                topic,
                json.dumps(body).encode(),
                key=body["external_id"].encode(),
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
    finally:
        await producer.stop()


async def test_both_roads_lead_to_the_topic(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    async with running(dsns, broker, prefix) as client:
        answer = await client.post("/v1/cases", json=report_body())
        assert answer.status_code == 201, answer.text
        second = report_body(external_id="k-1", transaction={"id": "tx-k"})
        await send(broker, f"{prefix}reports", report_body(), second)

        async def both_known() -> bool:
            return len((await client.get("/v1/cases")).json()["items"]) == 2

        await until(both_known)
        records = await events(broker, f"{prefix}cases", 2)
    for record in records:
        headers = {name: raw.decode() for name, raw in record.headers}
        assert headers["ce_type"] == "recourse.case.opened.v1"
        assert headers["ce_subject"].encode() == record.key
        assert headers["ce_sequence"] == "1"
        assert "sealed" in json.loads(record.value)
        clear = record.value.decode() + str(headers)
        assert [secret for secret in SECRETS if secret in clear] == []
    assert {record.key.decode() for record in records} > {answer.json()["id"]}
