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

from aiokafka import AIOKafkaConsumer, ConsumerRecord

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
    # Without a group every partition is ours, and no offset is kept anywhere.
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    listening = asyncio.create_task(_listen(consumer, heard))
    try:
        yield
    finally:
        # A watcher that failed on the way raises here what it failed of.
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await consumer.stop()


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
