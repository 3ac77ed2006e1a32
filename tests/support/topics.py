"""What a watcher of the topics sees: every record of every topic, and the chain of each case.

Owns reading, writing reports as a backend does, and checking sequence and hashes.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.envelope import Envelope, from_headers
from schemas.topics import TOPICS, topic_names
from schemas.wire import Wire
from tests.support.stack import RunningStack

Chain = tuple[str, str]
_READ_S = 30
OURS = tuple(row.name for row in TOPICS if row.writer is not None)


@asynccontextmanager
async def watching(stack: RunningStack) -> AsyncIterator[list[Any]]:
    """A growing list of every record of every topic, from the beginning on."""
    consumer = AIOKafkaConsumer(
        *topic_names(stack.prefix),
        bootstrap_servers=stack.kafka,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    records: list[Any] = []
    reading = asyncio.create_task(_read(consumer, records))
    try:
        yield records
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        # While the broker is down aiokafka is cancelled by its own clean-up.
        with suppress(asyncio.CancelledError):
            await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, records: list[Any]) -> None:
    while True:
        for batch in (await consumer.getmany(timeout_ms=50)).values():
            records += batch


async def everything_on_topics(stack: RunningStack) -> list[Any]:
    """Every record that lies on the topics now."""
    async with watching(stack) as records:
        await caught_up(stack, records)
        return list(records)


async def caught_up(stack: RunningStack, records: Sequence[Any]) -> None:
    """Wait until a watcher has seen everything that lies on the topics now."""
    probe = AIOKafkaConsumer(*topic_names(stack.prefix), bootstrap_servers=stack.kafka)
    await probe.start()
    try:
        ends = {at: end for at, end in (await probe.end_offsets(probe.assignment())).items() if end}
    finally:
        await probe.stop()
    async with asyncio.timeout(_READ_S):
        while True:
            seen: dict[tuple[str, int], int] = defaultdict(int)
            for record in list(records):
                place = (record.topic, record.partition)
                seen[place] = max(seen[place], record.offset + 1)
            if all(seen[at.topic, at.partition] >= end for at, end in ends.items()):
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def backend(stack: RunningStack) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of another backend."""
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all") as producer:
        yield producer


async def send_report(
    stack: RunningStack,
    producer: AIOKafkaProducer,
    message_id: str,
    value: Any,
    *,
    kind: str = "case.reported",
    key: bytes | None = None,
    partition: int | None = None,
) -> int:
    """One message on topic `reports`, JSON-ready or the bytes themselves; answers its offset."""
    raw = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    sent = await producer.send_and_wait(
        f"{stack.prefix}reports",
        raw,
        key=key or message_id.encode(),
        headers=report_headers(message_id, kind),
        partition=partition,
    )
    return int(sent.offset)


def report_headers(message_id: str, kind: str = "case.reported") -> list[tuple[str, bytes]]:
    """The CloudEvents headers of a report."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_source": "core-banking",
        "ce_type": kind,
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in texts.items()]


async def ask_to_resend(stack: RunningStack, topic: str, case_id: str, last: int) -> None:
    """What a reader asks that has none of a case's events."""
    wire = Wire()
    message = wire.resend_request("newcomer", topic, UUID(case_id), 1, last)
    value = message.halves()[0]
    now = datetime.now(UTC)
    event = wire.make(uuid4(), "newcomer", message.type_name(), None, 0, "", now, b"", value)
    async with asyncio.timeout(_READ_S):
        while not await _sent(stack, value, wire.headers(event)):
            await asyncio.sleep(0.1)


async def _sent(stack: RunningStack, value: bytes, headers: list[tuple[str, bytes]]) -> bool:
    """Whether the broker took it: one that was just restarted may refuse at first."""
    try:
        async with backend(stack) as producer:
            await producer.send_and_wait(f"{stack.prefix}stream-control", value, headers=headers)
    except KafkaError:
        return False
    return True


def envelopes(records: Iterable[Any], *topics: str) -> list[tuple[str, Envelope]]:
    """The events of cases on these topics (all of ours), in the order of the records."""
    wanted = topics or OURS
    found = []
    for record in records:
        name = next((topic for topic in wanted if record.topic.endswith(f".{topic}")), None)
        if name is None:
            continue
        event = from_headers(record.headers, record.value)
        if event.subject is not None and event.sequence:
            found.append((name, event))
    return found


def chains(
    records: Iterable[Any], cases: Collection[str], *topics: str
) -> dict[Chain, list[Envelope]]:
    """The chain of each (topic, case), proved: 1, 2, 3... without a hole, each linked by its hash.

    A record may lie on a topic twice, but never two different ones at one number.
    """
    found: dict[Chain, dict[int, Envelope]] = defaultdict(dict)
    for topic, event in envelopes(records, *topics):
        if str(event.subject) not in cases:
            continue
        known = found[topic, str(event.subject)].setdefault(event.sequence, event)
        assert known.digest() == event.digest(), f"two events at {topic} {event.sequence}"
    return {place: _proved(place, events) for place, events in found.items()}


def _proved(place: Chain, events: dict[int, Envelope]) -> list[Envelope]:
    ordered = [events[number] for number in sorted(events)]
    numbers = [event.sequence for event in ordered]
    assert numbers == list(range(1, len(ordered) + 1)), f"a hole in {place}: {numbers}"
    before = b""
    for event in ordered:
        assert event.prevhash == before, f"a broken link in {place} at {event.sequence}"
        before = event.digest()
    return ordered


def names(chain: Iterable[Envelope]) -> list[str]:
    """The names of the events of a chain."""
    return [event.type.removeprefix("recourse.").rpartition(".v")[0] for event in chain]
