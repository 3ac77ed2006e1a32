"""Reports on the road of other backends: CloudEvents on topic `reports`.

Owns keys, headers and event ids of what the demo produces.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaProducer

from schemas.topics import REPORTS

Headers = list[tuple[str, bytes]]
_SPEC_VERSION: Final = b"1.0"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lies on topic `reports`."""

    partition: int
    offset: int


class Reporter:
    """Another backend that reports on topic `reports`."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self._producer = producer
        self._topic = prefix + REPORTS

    async def report(self, report: Mapping[str, Any], attempt: int = 0) -> Place:
        """Sends `case.reported`; another `attempt` is another event with the same report."""
        value = json.dumps(report, ensure_ascii=False).encode()
        return await self.send(key_of(report), value, headers_of(report, attempt))

    async def send(self, key: bytes, value: bytes, headers: Headers) -> Place:
        """Sends these very bytes; answered when the broker has them."""
        sent = await self._producer.send_and_wait(self._topic, value, key=key, headers=headers)
        return Place(sent.partition, sent.offset)


def key_of(report: Mapping[str, Any]) -> bytes:
    """The key of a report: its identity."""
    return f"{report['source']}\0{report['external_id']}".encode()


def headers_of(report: Mapping[str, Any], attempt: int = 0) -> Headers:
    """The CloudEvents headers of a report."""
    source, external_id = str(report["source"]), str(report["external_id"])
    event_id = uuid5(NAMESPACE_URL, f"recourse-demo:{source}:{external_id}:{attempt}")
    return [
        ("ce_specversion", _SPEC_VERSION),
        ("ce_id", str(event_id).encode()),
        ("ce_source", source.encode()),
        ("ce_type", b"case.reported"),
        ("ce_time", str(report["occurred_at"]).encode()),
        ("content-type", b"application/json"),
    ]


@asynccontextmanager
async def reporting(bootstrap: str, prefix: str) -> AsyncIterator[Reporter]:
    """A reporter connected to the broker."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    await producer.start()
    try:
        yield Reporter(producer, prefix)
    finally:
        await producer.stop()
