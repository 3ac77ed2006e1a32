"""A broker that refuses a batch: the next time each message goes alone, which finds the one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from services.kit.outlet import KafkaOutlet
from services.kit.parcels import Message
from services.kit.relay import NeverSendable
from services.kit.settings import Settings

_BAD = b"bad"


@dataclass
class Batch:
    values: list[bytes] = field(default_factory=list)

    def append(self, *, value: bytes, **_: Any) -> object:
        self.values.append(value)
        return self

    def close(self) -> None:
        return None


@dataclass
class Broker:
    """Stands for aiokafka's producer on a broker whose limit is lower than ours."""

    sent: list[list[bytes]] = field(default_factory=list)
    end: int = 0
    closed: bool = False

    def create_batch(self) -> Batch:
        return Batch()

    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.closed:
            raise KafkaTimeoutError
        self.sent.append(batch.values)
        if _BAD in batch.values:
            future.set_exception(MessageSizeTooLargeError())
        else:
            future.set_result(SimpleNamespace(topic=topic, partition=partition, offset=self.end))
            self.end += len(batch.values)
        return future


def outlet_on(broker: Broker) -> KafkaOutlet:
    settings = Settings(
        database_dsn="", keys_dsn="", master_key="", kafka_bootstrap="", topics_prefix="t."
    )
    outlet = KafkaOutlet(settings, "test")
    outlet._producer = broker
    return outlet


def messages(*values: bytes) -> list[Message]:
    return [("cases", value, [], value) for value in values]


async def test_only_what_is_refused_alone_can_never_be_sent() -> None:
    broker = Broker()
    outlet = outlet_on(broker)
    sending = messages(b"one", _BAD, b"two")
    together = await outlet.publish(sending)
    assert [type(error) for error in together] == [MessageSizeTooLargeError] * 3
    alone = await outlet.publish(sending)
    assert [type(error) for error in alone] == [type(None), NeverSendable, type(None)]
    await outlet.publish(messages(b"three", b"four"))
    assert broker.sent == [[b"one", _BAD, b"two"], [b"one"], [_BAD], [b"two"], [b"three", b"four"]]


async def test_a_broker_that_forgot_is_noticed_by_the_offset_of_a_batch() -> None:
    broker = Broker()
    outlet = outlet_on(broker)
    await outlet.publish(messages(b"one", b"two"))
    await outlet.publish(messages(b"three"))
    assert outlet.went_back() == []
    broker.end = 1
    await outlet.publish(messages(b"four"))
    assert outlet.went_back() == ["cases"]


async def test_what_is_too_large_at_the_door_stops_its_key_only() -> None:
    broker = Broker()
    large: Message = ("cases", b"a", [], b"x" * 2_000_000)
    after: Message = ("cases", b"a", [], b"after")
    other: Message = ("cases", b"b", [], b"other")
    outcomes = await outlet_on(broker).publish([large, after, other])
    assert [type(error) for error in outcomes] == [NeverSendable, NeverSendable, type(None)]
    assert broker.sent == [[b"other"]]


async def test_behind_a_batch_that_is_not_taken_its_partition_waits() -> None:
    broker = Broker(closed=True)
    outlet = outlet_on(broker)
    outlet._singly = True  # each message a parcel of its own
    outcomes = await outlet.publish(messages(b"one", b"two"))
    assert [type(error) for error in outcomes] == [KafkaTimeoutError] * 2
    assert outcomes[0] is outcomes[1], "the second was not tried"
