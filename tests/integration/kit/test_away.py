"""A broker that is away at start, and a loop whose step fails: both come back by themselves."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer

from services.kit.bus import Bus
from services.kit.loop import BackgroundLoop
from services.kit.wire import Record
from services.local import tansu
from services.local.broker import KafkaProfile
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
