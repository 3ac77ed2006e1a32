"""What the broker has is fetched although other partitions have nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from services.kit.bus import Bus
from services.kit.wire import Record
from services.local.broker import BrokerAddress
from tests.support import kit

_LONG_POLL_MS = 25_000
_SLOW_WORK_S = 0.4
"""aiokafka by itself asks for the empty partitions after a tenth of a second."""


async def test_an_empty_partition_keeps_no_other_waiting(
    dsns: dict[str, str], apache: BrokerAddress, prefix: str
) -> None:
    topic, taken = f"{prefix}cases", list[bytes | None]()

    async def work(records: Sequence[Record]) -> bool:
        taken.extend(record.value for record in records)
        await asyncio.sleep(_SLOW_WORK_S)
        if len(taken) == 1:  # meanwhile there is more where this came from
            await producer.send_and_wait(topic, b"3", partition=0)
        return True

    async def all_taken() -> bool:
        return len(taken) == 3

    settings = kit.settings(dsns, apache, prefix, "escalation").model_copy(
        update={"kafka_fetch_max_wait_ms": _LONG_POLL_MS, "batch_records": 1}
    )
    bus = Bus(settings, "g", ["cases"], work)
    async with AIOKafkaProducer(bootstrap_servers=apache.bootstrap) as producer:
        batch = producer.create_batch()
        for value in (b"1", b"2"):
            batch.append(key=None, value=value, timestamp=None)
        await (await producer.send_batch(batch, topic, partition=0))
        bus.start()
        try:
            await kit.until(all_taken, timeout_s=15)
        finally:
            await bus.stop()
    assert taken == [b"1", b"2", b"3"]
