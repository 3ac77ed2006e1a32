"""Log, relay, bus and consumer together, on a real broker: order, chain, poison, repair."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from services.kit.bus import Bus
from services.kit.consumer import Consumer
from services.kit.outlet import KafkaOutlet
from services.kit.rebalancing import known_by
from services.kit.relay import Relay
from services.kit.unit import Entities
from services.kit.wire import unpack
from services.local.broker import BrokerAddress
from tests.support import kit

READERS = {"cases": ("escalation",)}


@asynccontextmanager
async def consuming(
    entities: Entities, dsns: dict[str, str], broker: BrokerAddress, prefix: str, logic: kit.Memory
) -> AsyncIterator[Bus]:
    consumer = Consumer("escalation", entities, kit.reader(prefix), logic)
    settings = kit.settings(dsns, broker, prefix, "escalation")
    bus = Bus(settings, "g", ["cases"], consumer.handle, known_by(entities, prefix))
    bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def drain(relay: Relay) -> None:
    for _ in range(3):
        await relay.step()


async def test_events_arrive_in_order_and_poison_stops_one_case(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    logic = kit.Memory(poison="poison")
    good, bad = uuid.uuid4(), uuid.uuid4()
    async with (
        kit.entities(dsns, kit.WRITER) as writer,
        kit.entities(dsns, kit.READER) as reader,
        consuming(reader, dsns, broker, prefix, logic),
    ):
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        relay = Relay(writer, outlet, "me", READERS)
        for word in ("one", "poison", "three"):
            async with writer.transaction() as unit:
                await kit.emit(unit, bad, word)
                await kit.emit(unit, good, word if word != "poison" else "two")
        await drain(relay)

        async def arrived() -> bool:
            return kit.heard_by(await reader.read(good)) == ["one", "two", "three"]

        await kit.until(arrived)
        stopped = await reader.read(bad)
        assert kit.heard_by(stopped) == ["one"]
        assert stopped is not None
        assert stopped.position("cases") == 1

        async def parked() -> bool:
            row = await reader.db.fetchrow("SELECT count(*) AS n FROM parked")
            return bool(row and row["n"] == 1)

        await kit.until(parked)
        letter = await reader.db.fetchrow("SELECT * FROM dead_letter")
        assert letter is not None
        assert (letter["reason"], letter["entity"], letter["seq"]) == ("decision_failed", bad, 2)
        raw = reader.sealer.open_raw(letter["raw"], letter["hash"])
        sent = await writer.db.fetchrow("SELECT value FROM log WHERE entity = $1 AND seq = 2", bad)
        assert sent is not None
        assert unpack("t", 0, 0, raw).value == sent["value"]
        await outlet.rebuild()


async def test_a_batch_survives_headers_that_faststream_cannot_read(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    """The trap of ecosystem 3.9: one such record silently lost its whole batch."""
    logic = kit.Memory()
    case = uuid.uuid4()
    async with (
        kit.entities(dsns, kit.WRITER) as writer,
        kit.entities(dsns, kit.READER) as reader,
    ):
        outlet = KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "writer")
        async with writer.transaction() as unit:
            for word in ("one", "two"):
                await kit.emit(unit, case, word)
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        await producer.start()
        key = str(case).encode()
        junk = [
            ([("ce_id", b"\xff\xfe")], b"{}"),
            ([("ce_id", None)], b"{}"),
            ([("content-type", b"application/json")], b"{oops"),
            ([("x", b"\xff")], None),
        ]
        for headers, value in junk:
            await producer.send_and_wait(prefix + "cases", value, key=key, headers=headers)
        await drain(Relay(writer, outlet, "me", READERS))
        for headers, value in junk:
            await producer.send_and_wait(prefix + "cases", value, key=key, headers=headers)
        await producer.stop()
        async with consuming(reader, dsns, broker, prefix, logic):

            async def arrived() -> bool:
                return kit.heard_by(await reader.read(case)) == ["one", "two"]

            await kit.until(arrived)
        reasons = await reader.db.fetch("SELECT reason FROM dead_letter ORDER BY reason")
        # The same junk again is the same dead letter.
        assert [row["reason"] for row in reasons] == ["tombstone", *["undecodable"] * 3]
        await outlet.rebuild()


async def test_a_database_that_was_set_back_reads_again_what_it_lost(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    """The broker had been told that all was read: what a backup did not hold was lost."""
    case = uuid.uuid4()
    async with (
        kit.entities(dsns, kit.WRITER) as writer,
        kit.entities(dsns, kit.READER) as reader,
    ):
        relay = Relay(
            writer, KafkaOutlet(kit.settings(dsns, broker, prefix, "intake"), "w"), "me", READERS
        )

        async def tell(word: str) -> None:
            async with writer.transaction() as unit:
                await kit.emit(unit, case, word)
            await drain(relay)

        async def heard(*words: str) -> None:
            async def all_heard() -> bool:
                return kit.heard_by(await reader.read(case)) == list(words)

            await kit.until(all_heard)

        async with consuming(reader, dsns, broker, prefix, kit.Memory()):
            await tell("one")
            await heard("one")
            await reader.db.execute("CREATE TABLE backup_entity AS TABLE entity")
            await reader.db.execute("CREATE TABLE backup_fetched AS TABLE fetched")
            await tell("two")
            await heard("one", "two")
        await reader.db.execute(
            "DELETE FROM entity; DELETE FROM fetched; INSERT INTO entity TABLE backup_entity;"
            "INSERT INTO fetched TABLE backup_fetched"
        )
        await heard("one")
        async with consuming(reader, dsns, broker, prefix, kit.Memory()):
            await heard("one", "two")
