"""Timers: held while the stream is silent, brought back by a word or the end of the grace."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg

from schemas.case import IdentityVerified
from schemas.control import StreamHeartbeat
from schemas.envelope import Envelope, to_headers
from schemas.vocabulary import Status
from services.kit.consumer import Consumer
from services.kit.entities import Decision, Entity, Wake
from services.kit.quiet import QuietReport
from services.kit.timers import Timers
from services.kit.unit import QUERIES
from services.kit.wire import StoredRecord
from tests.integration.kit.test_repair import written
from tests.support import kit


class Holding(kit.Memory):
    """Holds while the stream is stale, for as long as it is told."""

    def __init__(self, grace: timedelta) -> None:
        super().__init__()
        self.grace = grace

    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
        if wake.stale and wake.silent_s < self.grace.total_seconds():
            return Decision(None, (), entity.wake_at, held_until=wake.real_now + self.grace)
        return super().on_wake(entity, wake, now)


def beat(t: datetime) -> StoredRecord:
    event = StreamHeartbeat(t=t)
    value = event.model_dump_json().encode()
    envelope = Envelope(uuid.uuid4(), "intake", event.type_name(), None, 0, "", t, b"", value)
    return StoredRecord("cases", 0, 0, None, value, to_headers(envelope))


async def nothing_more(_: datetime) -> tuple[list[str], dict[str, int]]:
    return [], {}


async def test_a_held_case_leaves_the_claim_until_its_stream_speaks(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        logic = Holding(timedelta(days=9999))
        consumer = Consumer("escalation", reader, kit.reader(""), logic)
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        records = await written(writer, uuid.uuid4(), ["wake"])
        await consumer.handle([beat(long_ago), *records])
        await reader.db.execute("UPDATE entity SET wake_at = wake_at - interval '2 hours'")
        timers = Timers(reader, logic, stale_after_s=5)
        for _ in range(3):
            await timers.step()
        held = await reader.db.fetch("SELECT 1 FROM entity WHERE held_until IS NOT NULL")
        assert (len(held), logic.wakes) == (1, [])
        report = QuietReport(reader, None, nothing_more, dict, stale_after_s=5)
        assert (await report(0))["busy"] == ["held: 1"], "a clock must not pass by what is held"
        await consumer.handle([beat(datetime.now(UTC))])
        await timers.step()
        assert [wake.stale for wake in logic.wakes] == [False]


async def test_the_end_of_the_grace_fires(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        logic = Holding(timedelta(seconds=0.2))
        consumer = Consumer("escalation", reader, kit.reader(""), logic)
        await consumer.handle(
            [
                beat(datetime.now(UTC) - timedelta(seconds=6)),
                *await written(writer, uuid.uuid4(), ["wake"]),
            ]
        )
        await reader.db.execute("UPDATE entity SET wake_at = wake_at - interval '2 hours'")
        timers = Timers(reader, logic, stale_after_s=5)

        async def fired() -> bool:
            await timers.step()
            return len(logic.wakes) == 1

        await kit.until(fired)
        assert logic.wakes[0].stale


async def test_a_wake_up_writes_what_was_decided_and_leaves_the_inputs_as_they_are(
    dsns: dict[str, str],
) -> None:
    inputs = "SELECT subject, part, s1, h1, g1, s2, h2, g2, parked FROM entity"

    class Saying(kit.Memory):
        def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
            super().on_wake(entity, wake, now)
            told = IdentityVerified(status=Status.OPEN, method="woken")
            return Decision(b'["woken"]', (("escalations", told),), now + timedelta(hours=1))

    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        logic, case = Saying(), uuid.uuid4()
        consumer = Consumer("escalation", reader, kit.reader(""), logic)
        one, two, *_, last = await written(writer, case, ["wake", "two", "three", "four"])
        await consumer.handle([one, two, last])
        (before,) = await reader.db.fetch(inputs)
        assert (before["s1"], before["parked"]) == (2, 1)
        await reader.db.execute("UPDATE entity SET wake_at = clock_timestamp()")
        await Timers(reader, logic, stale_after_s=5).step()
        (after,) = await reader.db.fetch(inputs)
        entity = await reader.read(case)
        assert after == before
        assert entity is not None
        assert (kit.heard_by(entity), entity.position("escalations")) == (["woken"], 1)
        assert entity.wake_at is not None
        assert entity.wake_at > datetime.now(UTC) + timedelta(minutes=59)


async def test_a_wake_up_that_cannot_be_decided_stops_one_case(dsns: dict[str, str]) -> None:
    class Breaking(kit.Memory):
        def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
            if kit.heard_by(entity)[0] == "broken":
                raise RuntimeError("cannot decide")
            return super().on_wake(entity, wake, now)

    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        logic = Breaking()
        consumer = Consumer("escalation", reader, kit.reader(""), logic)
        for words in (["broken", "wake"], ["fine", "wake"]):
            await consumer.handle(await written(writer, uuid.uuid4(), words))
        await reader.db.execute("UPDATE entity SET wake_at = wake_at - interval '2 hours'")
        await Timers(reader, logic, stale_after_s=5).step()
        assert len(logic.wakes) == 1
        (row,) = await reader.db.fetch("SELECT 1 FROM entity WHERE held_until IS NOT NULL")
        assert row is not None


async def test_many_workers_claim_each_wake_up_once(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER) as reader:
        await reader.sealer.load([kit.SUBJECT], create=True)
        state = reader.sealer.seal
        rows = []
        for number in range(1, 301):
            id = uuid.UUID(int=number)
            rows.append(
                (id, kit.SUBJECT, state(kit.SUBJECT, b'["x"]', id.bytes), datetime.now(UTC))
            )
        await reader.db.pool.copy_records_to_table(
            "entity", records=rows, columns=["id", "subject", "state", "wake_at"]
        )
        logic = kit.Memory()
        workers = [Timers(reader, logic, stale_after_s=5, batch=20) for _ in range(4)]
        for _ in range(6):
            await asyncio.gather(*(worker.step() for worker in workers))
        assert len(logic.wakes) == 300


async def test_a_backlog_is_claimed_by_the_index_not_sorted(dsns: dict[str, str]) -> None:
    """With statistics from before a downtime the planner would sort the whole backlog each time."""
    async with kit.entities(dsns, kit.READER) as reader:
        await reader.db.execute(
            "INSERT INTO entity (id, wake_at) SELECT gen_random_uuid(), "
            "now() + interval '1 day' FROM generate_series(1, 20000)"
        )
        admin = await asyncpg.connect(dsns["escalation"])
        await admin.execute("ANALYZE entity")
        await admin.close()
        await reader.db.execute("UPDATE entity SET wake_at = now() - interval '1 hour'")
        rows = await reader.db.fetch(f"EXPLAIN {QUERIES['claim']}", datetime.now(UTC), 500)
        plan = "\n".join(row[0] for row in rows)
        assert "entity_wake" in plan
        assert "Sort" not in plan
