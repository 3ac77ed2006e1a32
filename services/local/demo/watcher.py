"""Watches topics of the stack as anybody may: what stands there in clear.

Owns reading topics from their beginning; keeps the events' public parts in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

_TYPE_PREFIX: Final = "recourse."
_FETCH_MS: Final = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """One event: its name without version, its case, its domain time and its public fields."""

    id: str
    name: str
    case_id: str | None
    at: datetime | None
    data: dict[str, Any]


Heard = Callable[[Seen], None]


@asynccontextmanager
async def watching(bootstrap: str, topics: Sequence[str], heard: Heard) -> AsyncIterator[None]:
    """Calls `heard` for every event on these topics, each once, until left."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    task = None
    try:
        for topic in topics:
            await consumer.topics()
            await _until_known(consumer, topic)
        consumer.assign(
            [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in sorted(consumer.partitions_for_topic(topic) or ())
            ]
        )
        task = asyncio.create_task(_listen(consumer, heard))
        yield
    finally:
        if task is not None:
            # A watcher that failed on the way raises here what it failed of.
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await consumer.stop()


async def _until_known(consumer: AIOKafkaConsumer, topic: str) -> None:
    while not consumer.partitions_for_topic(topic):
        await consumer.topics()
        await asyncio.sleep(0.1)


async def _listen(consumer: AIOKafkaConsumer, heard: Heard) -> None:
    known: set[str] = set()
    while True:
        fetched = await consumer.getmany(timeout_ms=_FETCH_MS)
        for records in fetched.values():
            for record in records:
                seen = _seen(record)
                if seen is not None and seen.id not in known:
                    known.add(seen.id)
                    heard(seen)


def _seen(record: ConsumerRecord[Any, Any]) -> Seen | None:
    headers = {name: value.decode() for name, value in record.headers}
    name = headers["ce_type"].removeprefix(_TYPE_PREFIX).rpartition(".v")[0]
    if name == "stream.heartbeat":
        return None
    at = headers.get("ce_recordedat")
    return Seen(
        id=headers["ce_id"],
        name=name,
        case_id=headers.get("ce_subject"),
        at=datetime.fromisoformat(at) if at else None,
        data=json.loads(record.value),
    )
