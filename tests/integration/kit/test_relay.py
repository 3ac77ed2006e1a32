"""The relay's traps on a real broker: a record too large, a broker that forgot, two relays."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import OutOfOrderSequenceNumber

from services.kit.outlet import KafkaOutlet
from services.kit.parcels import Message
from services.kit.relay import Relay
from services.kit.unit import Entities
from services.local.broker import BrokerAddress
from tests.support import kit

READERS = {"cases": ("escalation",)}


async def read_all(broker: BrokerAddress, topic: str, wanted: int) -> list[tuple[str, str]]:
    """(type, case) of everything on a topic, until `wanted` events beside heartbeats are there."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[tuple[str, str]] = []

    async def collected() -> bool:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            for record in records:
                kind = dict(record.headers)["ce_type"].decode()
                found.append((kind, (record.key or b"").decode()))
        return sum(1 for kind, _ in found if "heartbeat" not in kind) >= wanted

    await kit.until(collected)
    await consumer.stop()
    return found


async def test_heartbeats_reach_every_partition(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    async with kit.entities(dsns, kit.WRITER) as writer:
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        relay = Relay(writer, outlet, "me", READERS)
        async with writer.transaction() as unit:
            await kit.emit(unit, uuid.uuid4(), "one")
        await relay.step()
        found = await read_all(broker, prefix + "cases", 1)
        beats = [kind for kind, _ in found if "heartbeat" in kind]
        assert len(beats) == broker.profile.partitions
        await outlet.rebuild()


class HoleInItsNumbers:
    """An outlet whose producer gave something up: it fails for ever, until it is rebuilt."""

    def __init__(self) -> None:
        self.broken = True
        self.beats = 0
        self.offsets: dict[str, int] = {}

    async def publish(self, messages: Sequence[Message]) -> Sequence[BaseException | None]:
        raise AssertionError("there is nothing to publish")

    async def to_every_partition(
        self, topic: str, headers: list[tuple[str, bytes]], value: bytes
    ) -> None:
        if self.broken:
            raise OutOfOrderSequenceNumber
        self.beats += 1

    async def cluster_id(self) -> str:
        return "the same"

    async def rebuild(self) -> None:
        self.broken = False

    def went_back(self) -> list[str]:
        return []


async def test_a_heartbeat_that_fails_rebuilds_the_producer(dsns: dict[str, str]) -> None:
    """In a quiet hour nothing else would: the stream would stay silent until the next event."""
    async with kit.entities(dsns, kit.WRITER) as writer:
        outlet = HoleInItsNumbers()
        relay = Relay(writer, outlet, "me", READERS)
        with pytest.raises(OutOfOrderSequenceNumber):
            await relay.step()

        async def beats() -> bool:
            await relay.step()
            return outlet.beats == 1

        await kit.until(beats)


async def test_an_event_that_can_never_be_sent_stops_its_case_only(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    """One oversized record makes a producer fail every later send; it is rebuilt."""
    big, small = uuid.uuid4(), uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer:
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        relay = Relay(writer, outlet, "me", READERS)
        await writer.db.execute("ALTER TABLE log DROP CONSTRAINT log_value_check")
        async with writer.transaction() as unit:
            await kit.emit(unit, big, "x" * 3_000_000)
            await kit.emit(unit, big, "after")
            await kit.emit(unit, small, "one")
        for _ in range(3):
            await relay.step()
        found = await read_all(broker, prefix + "cases", 1)
        assert [case for kind, case in found if "heartbeat" not in kind] == [str(small)]
        stopped = await writer.db.fetch("SELECT entity FROM stopped")
        assert [row["entity"] for row in stopped] == [big, big]
        assert await writer.db.fetch("SELECT 1 FROM unpublished") == []
        await outlet.rebuild()


async def test_a_broker_with_another_id_gets_what_was_not_confirmed(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    old, new = uuid.uuid4(), uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer:
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        relay = Relay(writer, outlet, "me", READERS)
        for case in (old, new):
            async with writer.transaction() as unit:
                await kit.emit(unit, case, "one")
        await relay.step()
        await writer.db.execute("UPDATE log SET at = at - interval '1 hour' WHERE entity = $1", old)
        await writer.db.execute("UPDATE cluster SET id = 'the one before'")
        confirmed = datetime.now(UTC) - timedelta(minutes=5)
        await writer.db.execute(
            "INSERT INTO confirmed VALUES ('escalation', 'cases', $1)", confirmed
        )
        await Relay(writer, outlet, "me", READERS).step()
        found = await read_all(broker, prefix + "cases", 3)
        cases = [case for kind, case in found if "heartbeat" not in kind]
        assert sorted(cases) == sorted([str(old), str(new), str(new)])
        await outlet.rebuild()


@asynccontextmanager
async def two_relays(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> AsyncIterator[tuple[Entities, Relay, Relay]]:
    """Two relays of one service, of which the first holds the lease."""
    async with kit.entities(dsns, kit.WRITER) as writer:
        settings = kit.settings(dsns, broker, prefix, "intake")
        outlets = [KafkaOutlet(settings, f"writer{n}") for n in range(2)]
        first, second = (
            Relay(writer, outlet, f"r{n}", READERS) for n, outlet in enumerate(outlets)
        )
        await first.step()
        yield writer, first, second
        await asyncio.gather(*(outlet.rebuild() for outlet in outlets))


async def test_only_the_holder_of_the_lease_publishes(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    async with two_relays(dsns, broker, prefix) as (writer, first, second):
        async with writer.transaction() as unit:
            await kit.emit(unit, uuid.uuid4(), "one")
        await second.step()
        assert (first.published, second.published) == (0, 0)
        await first.resign()
        await second.step()
        assert second.published == 1


async def test_after_the_clock_was_set_back_no_event_is_older_than_what_was_announced(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    async with kit.entities(dsns, kit.WRITER) as writer:
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        await Relay(writer, outlet, "me", READERS).step()
        ahead = "UPDATE cluster SET announced = announced + interval '2 minutes' RETURNING *"
        (cluster,) = await writer.db.fetch(ahead)
        async with writer.transaction() as unit:
            await kit.emit(unit, uuid.uuid4(), "one")
        (row,) = await writer.db.fetch("SELECT at FROM log")
        assert row["at"] == cluster["announced"]
        await outlet.rebuild()


async def test_a_lease_from_before_the_clock_was_set_back_binds_nobody(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    async with two_relays(dsns, broker, prefix) as (writer, _, second):
        await writer.db.execute("UPDATE lease SET until = until + interval '2 minutes'")
        async with writer.transaction() as unit:
            await kit.emit(unit, uuid.uuid4(), "one")
        await second.step()
        assert second.published == 1


async def test_a_relay_that_has_just_started_notices_that_the_broker_lost_the_end(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    """As it looks after an election among brokers that were behind: lower offsets than before."""
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as writer:

        async def relay_for_a_while() -> None:
            outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
            relay = Relay(writer, outlet, "me", READERS)
            await relay.step()
            await relay.step()
            await outlet.rebuild()

        async with writer.transaction() as unit:
            await kit.emit(unit, case, "one")
        await relay_for_a_while()
        (row,) = await writer.db.fetch("SELECT sent FROM cluster")
        higher = {place: offset + 1_000 for place, offset in json.loads(row["sent"]).items()}
        assert higher
        await writer.db.execute("UPDATE cluster SET sent = $1", json.dumps(higher))
        await relay_for_a_while()
        found = await read_all(broker, prefix + "cases", 2)
        assert [key for kind, key in found if "heartbeat" not in kind] == [str(case)] * 2
