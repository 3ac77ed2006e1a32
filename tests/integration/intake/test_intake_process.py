"""Intake as a process of its own, between a real database and a real broker."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.local.broker import BrokerAddress
from tests.support.cases import report_body
from tests.support.intake_process import running
from tests.support.kit import until

SECRETS = ("张三", "李四", "转账", "customer@example.com", "13800000000", "tx-5567", "cust-1001")


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
