"""A broker that is away at start, and a loop whose step fails: both come back by themselves."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from services.kit.broker_watch import BrokerWatch
from services.kit.bus import Bus
from services.kit.loop import BackgroundLoop
from services.kit.outlet import KafkaOutlet
from services.kit.wire import Record
from services.local import tansu
from services.local.broker import BrokerAddress, KafkaProfile
from services.local.ports import RememberedPorts
from tests.support import kit


async def test_a_bus_waits_for_a_broker_that_is_not_there_yet(
    dsns: dict[str, str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        port = RememberedPorts(state / "ports.json").port("kafka")
        prefix = f"t{uuid.uuid4().hex[:8]}."
        got: list[Record] = []

        async def handle(records: Sequence[Record]) -> bool:
            got.extend(records)
            return True

        settings = kit.settings_for(dsns, f"127.0.0.1:{port}", KafkaProfile.EMBEDDED, prefix)
        bus = Bus(settings, "g", ["cases"], handle)
        bus.start()
        assert not bus.well()
        async with tansu.running(state, prefix) as broker:
            assert broker.bootstrap.endswith(str(port))
            producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
            await producer.start()
            await producer.send_and_wait(prefix + "cases", b"{}")
            await producer.stop()

            async def arrived() -> bool:
                return len(got) == 1 and bus.well()

            await kit.until(arrived)
            await bus.stop()


class Restarted(Bus):
    """Counts what it is told; it has never been started."""

    restarts = 0

    async def restart(self) -> None:
        self.restarts += 1


async def test_a_consumer_that_is_still_joining_is_given_time(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    """However long the machine has been up: its clock is not the process's age."""

    async def handle(_: Sequence[Record]) -> bool:
        return False

    settings = kit.settings(dsns, broker, prefix, "escalation")
    bus = Restarted(settings, "g", ["cases"], handle)
    outlet = KafkaOutlet(settings, "watch")
    watch = BrokerWatch(outlet, bus)
    for _ in range(3):
        await watch.step()
    assert bus.restarts == 0
    await outlet.rebuild()


class Counted(KafkaOutlet):
    """Counts the producers that it makes."""

    made = 0

    def _new(self) -> Any:
        self.made += 1
        return super()._new()


async def test_one_producer_is_made_however_many_ask_at_once(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> None:
    outlet = Counted(kit.settings(dsns, broker, prefix, "escalation"), "many")
    await asyncio.gather(*(outlet.cluster_id() for _ in range(4)))
    await outlet.rebuild()
    assert outlet.made == 1


async def test_a_loop_whose_step_fails_is_unwell_and_goes_on() -> None:
    calls = 0

    async def step() -> float:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OSError("away")
        return 60

    loop = BackgroundLoop("fragile", step)
    loop.start()

    async def well() -> bool:
        return loop.well

    await kit.until(well)
    assert calls == 3
    loop.wake.set()

    async def again() -> bool:
        return calls == 4

    await kit.until(again)
    await loop.stop()
