"""What came back to Kafka: reads a topic whole, or as it grows, with the time of each record.

Owns a consumer without a group, so that nothing is committed and nothing is balanced.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.measurement import NotMeasured

_TIMEOUT_S: Final = 60.0
_HEARTBEAT: Final = b"recourse.stream.heartbeat.v1"


@dataclass(slots=True)
class Answers:
    """The events of one topic, heartbeats left out. Times are unix seconds of this machine."""

    _consumer: Any
    count: int = 0
    sent_at: float = 0.0
    """When the last of them was handed to the broker."""
    sent_of: dict[bytes | None, float] = field(default_factory=dict)
    """By key: when the first of its events was handed to the broker."""
    came_at: dict[tuple[bytes | None, bytes], float] = field(default_factory=dict)
    """By key and input position (`cases:2`): when the last answer to it came here."""

    async def read(self, wanted: int) -> None:
        """Read on until there are so many in all. Raises `NotMeasured` when they do not come."""
        deadline = time.monotonic() + _TIMEOUT_S
        while self.count < wanted:
            await self.look()
            if time.monotonic() > deadline:
                raise NotMeasured(f"only {self.count} of {wanted} events came back")

    async def look(self) -> None:
        """Take what has come."""
        found = await self._consumer.getmany(timeout_ms=200)
        now = time.time()
        for record in (record for batch in found.values() for record in batch):
            headers = dict(record.headers)
            if headers.get("ce_type") == _HEARTBEAT:
                continue
            self.count += 1
            sent_at = record.timestamp / 1000
            self.sent_at = max(self.sent_at, sent_at)
            self.sent_of.setdefault(record.key, sent_at)
            self.came_at[record.key, _answered(headers)] = now

    async def follow(self) -> None:
        """Look for ever."""
        while True:
            await self.look()


def _answered(headers: Mapping[str, bytes]) -> bytes:
    """The position of the input that an event answers; one that was sent on is its own answer."""
    return headers.get("ce_after") or b"cases:" + headers["ce_sequence"]


@contextlib.asynccontextmanager
async def answers(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[Answers]:
    """The events of a topic, from its beginning."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning(*assigned)
        yield Answers(consumer)
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def following(found: Answers) -> AsyncIterator[None]:
    """Read as the topic grows, until leaving."""
    task = asyncio.create_task(found.follow())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
