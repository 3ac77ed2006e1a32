"""A backend that does what Recourse asks for: reads topic `actions`, answers on `actions-answered`.

Owns the connection to Kafka and the order of things: ledger and work first, then the answers, then
the offsets. Whatever is killed in between happens again from the start, and the ledger knows it.
See README.md beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CommitFailedError, KafkaError
from deciding import Answer, Message, Orders, UnreadableError, answers, decide, read
from ledger import Ledger

PAUSE_S = 1.0
POLL_MS = 500
MOST_RECORDS = 200


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    kafka: str
    prefix: str
    group: str
    name: str
    orders: Orders
    clock: str


class Clock:
    """What time it is for Recourse: its expiries are instants of its own clock.

    In production that is the time of day. A simulated Recourse stands somewhere else, and only its
    messages tell where.
    """

    def __init__(self, kind: str) -> None:
        self._by_events = kind == "events"
        self._seen = datetime.min.replace(tzinfo=UTC)

    def now(self, message: Message) -> datetime:
        """The time at which a message is dealt with."""
        if not self._by_events:
            return datetime.now(UTC)
        self._seen = max(self._seen, message.recorded_at)
        return self._seen


class Responder:
    """Deals with records; knows nothing of where they come from."""

    def __init__(self, ledger: Ledger, options: Options, say: Callable[[str], None]) -> None:
        self._ledger = ledger
        self._options = options
        self._clock = Clock(options.clock)
        self._say = say

    def settle(self, records: Iterable[Any]) -> list[Answer]:
        """Does what the records ask for, and answers what must be said; all of it, or nothing."""
        with self._ledger.transaction():
            return [answer for record in records for answer in self._settle(record)]

    def _settle(self, record: Any) -> tuple[Answer, ...]:
        try:
            message = read(record.headers, record.value)
        except UnreadableError as error:
            self._say(f"unreadable: {record.topic}/{record.partition}@{record.offset}: {error}")
            return ()
        return () if message is None else self._obey(message)

    def _obey(self, message: Message) -> tuple[Answer, ...]:
        known = self._ledger.find(message.idempotency_key)
        decision = decide(message, known, self._options.orders, self._clock.now(message))
        entry = known
        if decision.entry is not None:
            entry = self._ledger.write(message, decision.entry)
        if decision.works and entry is not None:
            self._ledger.work(message, entry.at)
        told = answers(message, entry, self._options.name) if decision.speaks and entry else ()
        said = ", ".join(answer.type for answer in told) or "nothing"
        self._say(f"{message.kind} {message.action} {message.action_id}: {said}")
        return told


async def respond(responder: Responder, options: Options, say: Callable[[str], None]) -> None:
    """For ever: a broker that is away is waited for."""
    while True:
        try:
            await _connected(responder, options)
        except (KafkaError, OSError) as error:
            say(f"the broker is away: {type(error).__name__}")
            await asyncio.sleep(PAUSE_S)


async def _connected(responder: Responder, options: Options) -> None:
    consumer = AIOKafkaConsumer(
        options.prefix + "actions",
        bootstrap_servers=options.kafka,
        group_id=options.group,
        enable_auto_commit=False,  # offsets follow the answers, never go before
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
        metadata_max_age_ms=5000,
    )
    # Not idempotent: the id of an answer is the same however often it is sent.
    producer = AIOKafkaProducer(bootstrap_servers=options.kafka, acks="all")
    try:
        await consumer.start()
        await producer.start()
        while True:
            await _round(responder, consumer, producer, options.prefix + "actions-answered")
    finally:
        await consumer.stop()
        await producer.stop()


async def _round(responder: Responder, consumer: Any, producer: Any, topic: str) -> None:
    fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_RECORDS)
    if not fetched:
        return
    told = responder.settle(record for records in fetched.values() for record in records)
    sent = [
        await producer.send(topic, answer.value, key=answer.key, headers=answer.headers)
        for answer in told
    ]
    await asyncio.gather(*sent)
    # If the group moved the partitions meanwhile they come again, and the ledger knows them.
    with suppress(CommitFailedError):
        await consumer.commit({place: rs[-1].offset + 1 for place, rs in fetched.items()})


def read_options(arguments: list[str]) -> tuple[Options, str]:
    """The options, and the ledger's file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kafka", required=True, help="host:port of a broker")
    parser.add_argument("--prefix", default="recourse.", help="what topics begin with")
    parser.add_argument("--state", default="responder.sqlite3", help="the ledger's file")
    parser.add_argument("--group", default="example-responder", help="the consumer group")
    parser.add_argument("--name", default="example-responder", help="the answers' ce_source")
    parser.add_argument(
        "--clock", choices=("system", "events"), default="system",
        help="events: of a Recourse whose clock is simulated, as its messages tell it",
    )  # fmt: skip
    for name, what in (
        ("--refuse", "ACTION=reason: refuse this action"),
        ("--never", "ACTION: never say anything about this action"),
        ("--accept-only", "ACTION: accept this action and never do it"),
    ):
        parser.add_argument(name, action="append", default=[], metavar="ACTION", help=what)
    said = parser.parse_args(arguments)
    orders = Orders(
        refuse={name: why or "refused" for name, _, why in map(_halves, said.refuse)},
        never=frozenset(said.never),
        accept_only=frozenset(said.accept_only),
    )
    options = Options(said.kafka, said.prefix, said.group, said.name, orders, said.clock)
    return options, said.state


def _halves(text: str) -> tuple[str, str, str]:
    return text.partition("=")


async def run(options: Options, file: str) -> None:
    """Until SIGTERM or Ctrl-C."""

    def say(line: str) -> None:
        print(line, flush=True)

    ledger = Ledger(file)
    task = asyncio.ensure_future(respond(Responder(ledger, options, say), options, say))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        say("ended")
    finally:
        ledger.close()


if __name__ == "__main__":
    asyncio.run(run(*read_options(sys.argv[1:])))
