"""The example responder as a process of its own, killed again and again, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.actions import ActionCancelled, ActionEvent, ActionRequested
from schemas.control import StreamHeartbeat
from schemas.envelope import Envelope, to_headers
from schemas.event import EventData
from schemas.vocabulary import ActionName
from services.local import kafka_apache, tansu
from services.local.broker import Broker
from tests.conftest import KAFKA
from tests.support.kit import until

RESPONDER = Path(__file__).parents[3] / "examples" / "responder" / "responder.py"
PREFIX = "try."
Answers = dict[str, dict[str, set[bytes]]]
"""By action and type of answer: the answers' bytes, each with its id."""


@pytest.fixture
async def own_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    running = kafka_apache.running if KAFKA == "apache" else tansu.running
    async with running(tmp_path, PREFIX) as broker:
        yield broker


@asynccontextmanager
async def responding(
    broker: Broker, file: Path, *options: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The responder; ended, if it has not been killed, on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(RESPONDER), "--kafka", broker.bootstrap, "--prefix", PREFIX,
        "--state", str(file), *options, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def killed_after(process: asyncio.subprocess.Process, lines: int) -> None:
    """Kill -9 in the middle of its work: a line is said before its answer is sent."""
    assert process.stdout is not None
    for _ in range(lines):
        assert await process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def request(action: ActionName = ActionName.FREEZE, lasts_h: float = 1) -> tuple[UUID, EventData]:
    """A case, and what is asked for it."""
    action_id, now = uuid4(), datetime.now(UTC)
    event = ActionRequested(
        action_id=action_id, action=action, idempotency_key=str(action_id), requested_at=now,
        due_at=now + timedelta(minutes=10), expires_at=now + timedelta(hours=lasts_h),
    )  # fmt: skip
    return uuid4(), event


def cancellation(case_id: UUID, asked: EventData) -> tuple[UUID, EventData]:
    assert isinstance(asked, ActionRequested)
    return case_id, ActionCancelled(
        action_id=asked.action_id, action=asked.action, idempotency_key=asked.idempotency_key
    )


async def send(broker: Broker, messages: Iterable[tuple[UUID, EventData]]) -> None:
    """What Recourse says on topic `actions`, heartbeats among it."""
    now = datetime.now(UTC)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        for number, (case_id, event) in enumerate(messages, start=1):
            for one, subject in ((StreamHeartbeat(t=now), None), (event, case_id)):
                value, _ = one.halves()
                made = Envelope(
                    uuid4(), "escalation", one.type_name(), subject, number if subject else 0, "",
                    now, b"", value,
                )  # fmt: skip
                await producer.send(
                    f"{PREFIX}actions", value, key=str(case_id).encode(), headers=to_headers(made)
                )
        await producer.flush()


@asynccontextmanager
async def listening(broker: Broker) -> AsyncIterator[Answers]:
    """What arrives on topic `actions-answered`, from its beginning on."""
    consumer = AIOKafkaConsumer(
        f"{PREFIX}actions-answered", bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest", fetch_max_wait_ms=50,
    )  # fmt: skip
    await consumer.start()
    heard: Answers = defaultdict(lambda: defaultdict(set))
    task = asyncio.create_task(_hear(consumer, heard))
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


async def _hear(consumer: AIOKafkaConsumer, heard: Answers) -> None:
    async for record in consumer:
        headers = dict(record.headers)
        content: dict[str, Any] = json.loads(record.value)
        kind = headers["ce_type"].decode()
        assert headers["ce_subject"] == record.key
        heard[content["action_id"]][kind].add(headers["ce_id"] + b" " + record.value)


def ids(messages: Iterable[tuple[UUID, EventData]]) -> set[str]:
    return {str(event.action_id) for _, event in messages if isinstance(event, ActionEvent)}


def done(heard: Answers, wanted: set[str]) -> Callable[[], Any]:
    async def everything() -> bool:
        return all(heard[action]["action.done"] for action in wanted)

    return everything


def worked(file: Path) -> list[str]:
    """The keys of what was really done."""
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT idempotency_key FROM work").fetchall()
    connection.close()
    return [key for (key,) in rows]


async def test_killed_and_with_a_broker_that_dies_it_does_everything_once(
    own_broker: Broker, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.sqlite3"
    wanted = [request() for _ in range(40)]
    late = [request(lasts_h=-1) for _ in range(5)]
    await send(own_broker, (*wanted[:25], *wanted[:10], *late))
    for lines in (3, 20):
        async with responding(own_broker, file) as process:
            await killed_after(process, lines)
    async with responding(own_broker, file):
        async with listening(own_broker) as heard:
            await until(done(heard, ids(wanted[:25])), 60)
        pid = own_broker.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        async def up_again() -> bool:
            return own_broker.process.restarts > 0 and own_broker.process.is_ready

        await until(up_again, 60)
        # The embedded broker has forgotten everything: all is asked for once more.
        await send(own_broker, (*wanted, *late))
        async with listening(own_broker) as after:
            await until(done(after, ids(wanted)), 60)
    assert sorted(worked(file)) == sorted(ids(wanted))
    for action in ids(wanted):
        both = after[action]["action.done"] | heard[action]["action.done"]
        assert len(both) == 1, "one answer has one id and one content, however often it is sent"
        assert not after[action]["action.refused"]
    for action in ids(late):
        assert set(after[action]) <= {"action.refused"}


async def test_it_behaves_as_it_was_told(own_broker: Broker, tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    asked = {name: request(name) for name in ActionName}
    orders = ("--refuse", "recall=too_late", "--never", "trace", "--accept-only", "refund")
    async with responding(own_broker, file, *orders), listening(own_broker) as heard:
        await send(own_broker, asked.values())
        others = set(ActionName) - {ActionName.RECALL, ActionName.TRACE, ActionName.REFUND}
        wanted = ids(asked[name] for name in others)
        await until(done(heard, wanted), 60)
        (refund,) = ids([asked[ActionName.REFUND]])

        async def accepted() -> bool:
            return bool(heard[refund]["action.accepted"])

        await until(accepted, 60)
        await send(own_broker, [cancellation(*one) for one in asked.values()])

        async def called_off() -> bool:
            return bool(heard[refund]["action.refused"])

        await until(called_off, 60)
    told = {name: set(heard[next(iter(ids([one])))]) for name, one in asked.items()}
    assert told[ActionName.TRACE] == set()
    assert told[ActionName.RECALL] == {"action.refused"}
    assert told[ActionName.REFUND] == {"action.accepted", "action.refused"}
    assert all(told[name] == {"action.accepted", "action.done"} for name in others)
    assert sorted(worked(file)) == sorted(wanted)
