"""From Kafka through decide, log and relay back to Kafka: rate, cost, and latency at a calm pace.

A running service stands still until everything waits at the broker; it is done when the last
event that this leads to is with the broker, and every one of them is counted there. Latency is
from `send` here to the last answer received here.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer

from benchmarks.answers import Answers, answers, following
from benchmarks.ground import Ground, Place, bare_environment
from benchmarks.lives import STEPS, Message, Teller
from benchmarks.machine import usage
from benchmarks.measurement import Better, NotMeasured, Row, Samples, percentile
from benchmarks.open_cases import OPENED_AT, shipped_pin
from benchmarks.sizes import Sizes
from benchmarks.spawn import Spawned, spawned
from schemas.topics import CASES, ESCALATIONS
from services.kit.connecting import KEYS_MIGRATIONS
from services.kit.db import Database
from services.kit.migrate import migrate
from services.kit.sealing import Sealer, master_key_from
from services.local.ports import free_port
from services.local.workers import service_command

_TIMEOUT_S: Final = 300.0
_LOOK_EACH_S: Final = 0.5
"""When all was done is the broker's to say: to look more often only takes from what is measured."""
_SETTLE_S: Final = 5.0
_ECHO: Final = (sys.executable, "-m", "benchmarks.echo")
_BARE: Final = "aiokafka loop: INSERT..UNNEST, publish the same"
_TABLE: Final = """CREATE TABLE bare_report (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body bytea NOT NULL, at timestamptz NOT NULL DEFAULT now())"""
_BARE_DONE: Final = "SELECT count(*) AS taken, count(*) AS led_to, 0 AS waiting FROM bare_report"
_DONE: Final = """SELECT (SELECT coalesce(sum(s1), 0) FROM escalation.entity) AS taken,
    (SELECT count(*) FROM escalation.log) AS led_to,
    (SELECT count(*) FROM escalation.unpublished) AS waiting"""


@dataclass(frozen=True, slots=True)
class Found:
    """What one subject did."""

    rates: Samples
    per_cpu_s: Samples
    latencies_ms: Samples


@dataclass(slots=True)
class _Run:
    """The replicas of a running service between two topics, and where their answers are read."""

    replicas: Sequence[Spawned]
    place: Place
    answers: Answers
    producer: Any
    connection: asyncpg.Connection
    done: str
    sent: int = 0

    async def all_at_once(self, messages: Sequence[Message]) -> tuple[float, float]:
        """Events per second, and per CPU second of the replicas."""
        with contextlib.ExitStack() as held:
            for replica in self.replicas:
                held.enter_context(replica.held())
            for message in messages:
                await self._send(message)
            await self.producer.flush()
            cpu_s, began = self._used_s(), time.time()
        await self._until_done()
        used_s = self._used_s() - cpu_s
        return len(messages) / (self.answers.sent_at - began), len(messages) / used_s

    def _used_s(self) -> float:
        return sum(usage(replica.pid).cpu_s for replica in self.replicas)

    async def calmly(self, messages: Iterable[Message], each_s: float) -> list[float]:
        """Milliseconds from each message to the last answer to it, sent at an even pace."""
        sent_at: dict[tuple[bytes | None, bytes], float] = {}
        async with following(self.answers):
            begun = time.monotonic()
            for number, message in enumerate(messages):
                await asyncio.sleep(max(0.0, begun + number * each_s - time.monotonic()))
                sent_at[message.key, message.after] = time.time()
                await self._send(message)
            led_to = await self._taken()
            while self.answers.count < led_to:
                await asyncio.sleep(_LOOK_EACH_S)
        came = self.answers.came_at
        return [1000 * (came[key] - at) for key, at in sent_at.items() if key in came]

    async def _send(self, message: Message) -> None:
        topic = self.place.prefix + CASES
        await self.producer.send(topic, message.value, key=message.key, headers=message.headers)
        self.sent += 1

    async def _until_done(self) -> None:
        await self.answers.read(await self._taken())

    async def _taken(self) -> int:
        """Wait until all that was sent is taken and its answers published; how many those are."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            row = await self.connection.fetchrow(self.done)
            if row["taken"] == self.sent and row["waiting"] == 0:
                return int(row["led_to"])
            if time.monotonic() > deadline:
                raise NotMeasured(f"only {row['taken']} of {self.sent} events were taken")
            await asyncio.sleep(_LOOK_EACH_S)


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """The kit alone and escalation, one replica and two, each beside the bare loop."""
    bare = await _found(ground, sizes, _forwarder, _BARE_DONE)
    for name, command in (("the kit alone", _ECHO), ("escalation", service_command("escalation"))):

        def start(place: Place, command: Sequence[str] = command) -> Any:
            return place.in_place_of("escalation", command)

        for replicas, said in ((1, ""), (2, ", two replicas")):
            found = await _found(ground, sizes, start, _DONE, replicas)
            ground.tell(_rows(f"{name}{said}", found, bare, sizes))
    return ()


def _rows(name: str, ours: Found, bare: Found, sizes: Sizes) -> list[Row]:
    what = f"Kafka to Kafka, {name}"
    per_s = sizes.calm_per_s
    rates = [
        Row(f"{what}, events", "/s", ours.rates, _BARE, bare.rates, Better.HIGHER),
        Row(f"{what}, events", "/CPU s", ours.per_cpu_s, _BARE, bare.per_cpu_s, Better.HIGHER),
    ]
    return rates + [
        Row(
            f"{what}, latency at {per_s}/s, p{percent}",
            "ms",
            percentile(ours.latencies_ms, percent),
            _BARE,
            percentile(bare.latencies_ms, percent),
            Better.LOWER,
        )
        for percent in (50, 99)
    ]


async def _found(
    ground: Ground,
    sizes: Sizes,
    start: Callable[[Place], contextlib.AbstractAsyncContextManager[Spawned]],
    done: str,
    replicas: int = 1,
) -> Found:
    rates, per_cpu_s = [], []
    async with _running(await ground.place(), start, done, replicas) as (run, teller):
        cases = sizes.stream_cases
        for turn in range(sizes.repetitions):
            lives = await teller.lives(range(turn * cases, (turn + 1) * cases))
            rate, cost = await run.all_at_once(list(teller.whole(lives)))
            rates.append(rate)
            per_cpu_s.append(cost)
        few = sizes.calm_per_s * sizes.calm_s // len(STEPS)
        lives = await teller.lives(range(-few, 0))
        calm = await run.calmly(list(teller.whole(lives)), 1 / sizes.calm_per_s)
    return Found(Samples.of(rates), Samples.of(per_cpu_s), Samples.of(calm))


@contextlib.asynccontextmanager
async def _running(
    place: Place,
    start: Callable[[Place], contextlib.AbstractAsyncContextManager[Spawned]],
    done: str,
    replicas: int,
) -> AsyncIterator[tuple[_Run, Teller]]:
    bootstrap = place.broker.bootstrap
    topic, partitions = place.prefix + ESCALATIONS, place.broker.profile.partitions
    async with contextlib.AsyncExitStack() as parts:
        connection = await asyncpg.connect(place.admin_dsn)
        parts.push_async_callback(connection.close)
        if done is _BARE_DONE:
            await connection.execute(_TABLE)
        started = [await parts.enter_async_context(start(place)) for _ in range(replicas)]
        found = await parts.enter_async_context(answers(bootstrap, topic, partitions))
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await parts.enter_async_context(producer)
        teller = await parts.enter_async_context(_teller(place))
        await asyncio.sleep(_SETTLE_S)
        yield _Run(started, place, found, producer, connection, done), teller


@contextlib.asynccontextmanager
async def _teller(place: Place) -> AsyncIterator[Teller]:
    settings = place.settings("intake")
    await migrate(settings["keys_dsn"], [("keys", KEYS_MIGRATIONS)])
    keys = await Database.open(settings["keys_dsn"], name="bench.keys", size=1)
    try:
        sealer = Sealer(keys, master_key_from(settings["master_key"]), "bench")
        yield Teller(sealer, shipped_pin(), OPENED_AT)
    finally:
        await keys.close()


@contextlib.asynccontextmanager
async def _forwarder(place: Place) -> AsyncIterator[Spawned]:
    port = free_port()
    topics = (place.prefix + CASES, place.prefix + ESCALATIONS)
    command = [
        *(sys.executable, "-m", "benchmarks.bare", "forwarder", str(port)),
        *(place.broker.bootstrap, *topics, place.admin_dsn),
    ]
    log = place.logs / "forwarder.log"
    async with spawned(command, bare_environment(), port, log=log) as process:
        yield process
