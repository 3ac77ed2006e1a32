"""What the consumer does with holes, repeats, forks and data that the database refuses."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from schemas.control import ResendRequested, StreamHeartbeat
from schemas.envelope import Envelope, to_headers
from services.kit.consumer import Consumer
from services.kit.entities import Decided, Decision, Entity, Incoming
from services.kit.faults import Postpone
from services.kit.timers import Timers
from services.kit.unit import Entities, Unit
from services.kit.upkeep import Upkeep
from services.kit.wire import Emittable, StoredRecord
from tests.support import kit


async def records_of(writer: Entities, prefix: str = "") -> list[StoredRecord]:
    """Everything in the writer's log, as it would stand on the topic."""
    rows = await writer.db.fetch("SELECT * FROM log ORDER BY pos")
    found = []
    for row in rows:
        event = writer.codec.make(
            row["id"], "intake", row["type"], row["entity"], row["seq"], row["after"],
            row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip
        headers = writer.codec.headers(event)
        key = str(row["entity"]).encode()
        found.append(StoredRecord(prefix + "cases", 0, row["pos"], key, row["value"], headers))
    return found


async def written(writer: Entities, case: UUID, words: Sequence[str]) -> list[StoredRecord]:
    async with writer.transaction() as unit:
        for word in words:
            await kit.emit(unit, case, word)
    return [r for r in await records_of(writer) if r.key == str(case).encode()]


def consumer_of(entities: Entities, logic: kit.Memory) -> Consumer:
    return Consumer("escalation", entities, kit.reader(""), logic)


async def test_a_gap_parks_what_follows_and_closes_in_order(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        one, two, three, four = await written(writer, case, ["1", "2", "3", "4"])
        consumer = consumer_of(reader, kit.Memory())
        await consumer.handle([one, four, four, three])
        entity = await reader.read(case)
        assert (kit.heard_by(entity), entity and entity.parked) == (["1"], 2)
        await consumer.handle([two])
        entity = await reader.read(case)
        assert (kit.heard_by(entity), entity and entity.parked) == (["1", "2", "3", "4"], 0)
        await consumer.handle([one, two, three, four])
        assert kit.heard_by(await reader.read(case)) == ["1", "2", "3", "4"]
        assert await reader.db.fetch("SELECT 1 FROM parked") == []


async def test_a_gap_is_asked_for_and_the_producer_sends_it_again(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        records = await written(writer, case, ["1", "2", "3"])
        await consumer_of(reader, kit.Memory()).handle([records[0], records[2]])
        told: list[Emittable] = []

        async def tell(message: Emittable, _: UUID) -> None:
            told.append(message)

        await Upkeep(reader, tell, gap_age_s=0, consumer="escalation", partitions=1).step()
        (wanted,) = [m for m in told if isinstance(m, ResendRequested)]
        assert (wanted.case_id, wanted.from_sequence, wanted.to_sequence) == (case, 2, 2)
        await writer.db.execute("DELETE FROM unpublished")
        value = wanted.halves()[0]
        event = writer.codec.make(
            uuid.uuid4(), "escalation", wanted.type_name(), None, 0, "", datetime.now(UTC), b"",
            value,
        )  # fmt: skip
        asked = StoredRecord("stream-control", 0, 0, None, value, writer.codec.headers(event))
        await consumer_of(writer, kit.Memory()).handle([asked])
        again = await writer.db.fetch("SELECT seq FROM log JOIN unpublished USING (pos)")
        assert [row["seq"] for row in again] == [2]


async def test_a_fork_parks_the_case_and_changes_nothing(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        one, two = await written(writer, case, ["1", "2"])
        consumer = consumer_of(reader, kit.Memory())
        await consumer.handle([one, two])
        # The writer's database was set back: it says something else at number 2, and goes on.
        restored = Envelope(
            uuid.uuid4(), "intake", "recourse.identity.verified.v1", case, 2, "",
            datetime.now(UTC), b"", b'{"status":"open"}',
        )  # fmt: skip
        headers = to_headers(restored)
        await consumer.handle([StoredRecord("cases", 0, 9, one.key, restored.value, headers)])
        entity = await reader.read(case)
        assert (kit.heard_by(entity), entity and entity.parked) == (["1", "2"], 1)
        (row,) = await reader.db.fetch("SELECT reason FROM parked")
        assert row["reason"] == "fork"


class Fussy(kit.Memory):
    """Writes each word into a table that refuses some of them."""

    async def write(self, unit: Unit, decided: Sequence[Decided]) -> None:
        words = [kit.heard_by(one.entity)[-1] for one in decided]
        await unit.conn.execute("INSERT INTO words SELECT unnest($1::text[])", words)


async def test_a_batch_that_the_database_refuses_is_halved_down_to_the_one(
    dsns: dict[str, str],
) -> None:
    cases = [uuid.uuid4() for _ in range(9)]
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        await reader.db.execute("CREATE TABLE words (word text CHECK (word <> 'bad'))")
        async with writer.transaction() as unit:
            for number, case in enumerate(cases):
                await kit.emit(unit, case, "bad" if number == 5 else "good")
        await consumer_of(reader, Fussy()).handle(await records_of(writer))
        heard = [kit.heard_by(await reader.read(case)) for case in cases]
        assert heard == [["good"]] * 5 + [[]] + [["good"]] * 3
        (letter,) = await reader.db.fetch("SELECT entity, reason FROM dead_letter")
        assert (letter["entity"], letter["reason"]) == (cases[5], "refused_by_database")


class Halting(kit.Memory):
    """Fails for good where it writes of an odd partition, until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.mended = False

    async def write(self, unit: Unit, decided: Sequence[Decided]) -> None:
        if not self.mended and any((one.entity.partition or 0) % 2 for one in decided):
            raise LookupError("a defect of ours")
        await super().write(unit, decided)


async def test_of_two_halves_taken_at_once_only_the_one_that_fails_is_taken_back(
    dsns: dict[str, str],
) -> None:
    """The batch fails as a whole, so that it comes again; what is there already is dropped."""
    cases = [uuid.uuid4() for _ in range(240)]
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        async with writer.transaction() as unit:
            for case in cases:
                await kit.emit(unit, case, "once")
        place = {str(case).encode(): number for number, case in enumerate(cases)}
        records = [
            dataclasses.replace(record, partition=place[record.key or b""] % 12)
            for record in await records_of(writer)
        ]
        logic = Halting()
        consumer = consumer_of(reader, logic)
        with pytest.raises(LookupError):
            await consumer.handle(records)
        heard = [kit.heard_by(await reader.read(case)) for case in cases]
        assert heard == [["once"], []] * 120
        logic.mended = True
        await consumer.handle(records)
        assert [kit.heard_by(await reader.read(case)) for case in cases] == [["once"]] * 240
        assert logic.written == 240


async def test_two_consumers_of_the_same_batch_do_not_deadlock_and_apply_once(
    dsns: dict[str, str],
) -> None:
    cases = [uuid.uuid4() for _ in range(40)]
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        async with writer.transaction() as unit:
            for case in cases:
                await kit.emit(unit, case, "once")
        records = await records_of(writer)
        logic = kit.Memory()
        consumer = consumer_of(reader, logic)
        await asyncio.gather(*(consumer.handle(records[i:] + records[:i]) for i in range(0, 40, 8)))
        assert [kit.heard_by(await reader.read(case)) for case in cases] == [["once"]] * 40
        assert logic.written == 40


async def test_wake_ups_fire_once_and_know_a_silent_stream(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        logic = kit.Memory()
        beat = StreamHeartbeat(t=datetime(2020, 1, 1, tzinfo=UTC))
        value = beat.model_dump_json().encode()
        event = Envelope(uuid.uuid4(), "intake", beat.type_name(), None, 0, "", beat.t, b"", value)
        silent = StoredRecord("cases", 0, 0, None, value, to_headers(event))
        await consumer_of(reader, logic).handle([silent, *await written(writer, case, ["wake"])])
        await reader.db.execute("UPDATE entity SET wake_at = wake_at - interval '2 hours'")
        timers = Timers(reader, logic, stale_after_s=5)
        await asyncio.gather(timers.step(), timers.step(), timers.step())
        (wake,) = logic.wakes
        assert wake.stale
        assert wake.silent_s > 1e6


async def test_a_late_commit_is_published_after_later_positions(dsns: dict[str, str]) -> None:
    """A relay that remembers the last position it read would skip it for ever."""
    early, late = uuid.uuid4(), uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer:
        opened = asyncio.Event()
        go_on = asyncio.Event()

        async def slow() -> None:
            async with writer.transaction() as unit:
                await kit.emit(unit, early, "slow")
                await unit.flush()
                unit._pending.clear()
                opened.set()
                await go_on.wait()

        task = asyncio.create_task(slow())
        await opened.wait()
        async with writer.transaction() as unit:
            await kit.emit(unit, late, "fast")
        first = await writer.db.fetch("SELECT entity FROM unpublished JOIN log USING (pos)")
        await writer.db.execute("DELETE FROM unpublished")
        go_on.set()
        await task
        second = await writer.db.fetch("SELECT entity FROM unpublished JOIN log USING (pos)")
        assert [[row["entity"] for row in rows] for rows in (first, second)] == [[late], [early]]


class Learning(kit.Memory):
    """Cannot decide until it has learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.knows = False

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision:
        if not self.knows:
            raise Postpone("policy_unknown")
        return super().on_event(entity, incoming, now)


async def test_what_was_postponed_is_asked_for_and_decided_anew(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        (record,) = await written(writer, case, ["1"])
        logic = Learning()
        await consumer_of(reader, logic).handle([record])
        told: list[Emittable] = []

        async def tell(message: Emittable, _: UUID) -> None:
            told.append(message)

        await Upkeep(reader, tell, gap_age_s=0, consumer="escalation", partitions=1).step()
        (wanted,) = [m for m in told if isinstance(m, ResendRequested)]
        assert (wanted.from_sequence, wanted.to_sequence) == (1, 1)
        logic.knows = True
        await consumer_of(reader, logic).handle([record])
        entity = await reader.read(case)
        assert (kit.heard_by(entity), entity and entity.parked) == (["1"], 0)


async def test_a_gap_is_not_asked_for_again_at_once(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as reader:
        records = await written(writer, uuid.uuid4(), ["1", "2", "3"])
        await consumer_of(reader, kit.Memory()).handle([records[0], records[2]])
        await reader.db.execute("UPDATE parked SET at = at - interval '2 minutes'")
        told: list[Emittable] = []

        async def tell(message: Emittable, _: UUID) -> None:
            told.append(message)

        upkeep = Upkeep(reader, tell, gap_age_s=60, consumer="escalation", partitions=1)
        for _ in range(3):
            await upkeep.step()
        assert len([m for m in told if isinstance(m, ResendRequested)]) == 1
