"""The outlet remembers acknowledged offsets, and says where they went back."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from services.kit.outlet import KafkaOutlet
from services.kit.settings import Settings


class _Producer:
    """Stands in for aiokafka's: acknowledges at offsets that it is given."""

    def __init__(self) -> None:
        self.next = 0

    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    async def send(self, topic: str, *_: Any, partition: int, **__: Any) -> asyncio.Future[Any]:
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(SimpleNamespace(topic=topic, partition=partition, offset=self.next))
        self.next += 1
        return acknowledged


async def test_a_heartbeat_shows_that_an_offset_went_back() -> None:
    settings = Settings(
        database_dsn="d",
        keys_dsn="k",
        master_key=SecretStr("m"),
        kafka_bootstrap="b",
        topics_prefix="",
    )
    outlet = KafkaOutlet(settings, "tests")
    producer = outlet._producer = _Producer()
    for _ in range(3):
        await outlet.to_every_partition("cases", [], b"beat")
    assert outlet.went_back() == []
    producer.next = 1
    await outlet.to_every_partition("cases", [], b"beat")
    assert outlet.went_back() == ["cases"]
    assert outlet.went_back() == []
