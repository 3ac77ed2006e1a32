"""The producer side: publish in order, tell what was not taken, rebuild after a failure.

Owns the aiokafka producer and its settings; the relay decides what is published. Nothing else may
publish. Idempotence only on Apache Kafka: the embedded broker refuses it, and the readers' gap
rule drops duplicates anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.protocol.metadata import MetadataRequest

from services.kit.broker_security import client_options
from services.kit.parcels import Message, Packer, Parcel, is_too_large
from services.kit.relay import NeverSendable
from services.kit.settings import Settings

_log = structlog.get_logger(__name__)
_NEVER = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError)
# Only the embedded broker comes back as another one within seconds, empty.
_CLUSTER_CHECK_S = {"embedded": 1.0, "apache": 10.0}
_BATCH_BYTES = 256 * 1024
_Sending = tuple[Parcel, Any]
"""With the future of its acknowledgement, or the error at the door."""


class KafkaOutlet:
    """One producer of one service."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._prefix = settings.topics_prefix
        self._producer: Any = None
        self._connecting = asyncio.Lock()
        self._cluster: tuple[str, float] | None = None
        self.offsets: dict[str, int] = {}
        self._back: set[str] = set()
        self._singly = False

    async def publish(self, messages: Sequence[Message]) -> Sequence[BaseException | None]:
        """Send in order, one batch a partition; answers for each None, or why it was not taken.

        Once an event of a key is too large, later ones of that key are not tried.
        """
        producer = await self._connected()
        outcomes: list[BaseException | None] = [None] * len(messages)
        packer = await self._packer(producer, {message[0] for message in messages})
        refused: set[bytes | None] = set()
        for place, message in enumerate(messages):
            key = message[1]
            if is_too_large(message) or (key is not None and key in refused):
                refused.add(key)
                outcomes[place] = NeverSendable("larger than any broker takes")
            else:
                packer.pack(place, message)
        for parcel, future in await self._enqueue_all(producer, packer.parcels()):
            error = await self._settle(parcel, future)
            for place in parcel.held:
                outcomes[place] = error
        return outcomes

    async def _enqueue_all(self, producer: Any, parcels: Sequence[Parcel]) -> list[_Sending]:
        """Hand the parcels over; behind one that is refused at the door its partition waits."""
        sending: list[_Sending] = []
        refused: dict[tuple[str, int], KafkaError] = {}
        for parcel in parcels:
            where = (parcel.topic, parcel.partition)
            future = refused.get(where) or await self._enqueue(producer, parcel)
            if isinstance(future, KafkaError):
                refused[where] = future
            sending.append((parcel, future))
        return sending

    async def _packer(self, producer: Any, topics: set[str]) -> Packer:
        partitions = {
            topic: sorted(await producer.partitions_for(self._prefix + topic)) for topic in topics
        }
        singly, self._singly = self._singly, False
        return Packer(producer.create_batch, partitions, singly=singly)

    async def to_every_partition(
        self, topic: str, headers: list[tuple[str, bytes]], value: bytes
    ) -> None:
        """One copy into each partition of a topic. Raises `KafkaError`."""
        producer = await self._connected()
        name = self._prefix + topic
        futures = [
            await producer.send(name, value, partition=partition, headers=headers)
            for partition in sorted(await producer.partitions_for(name))
        ]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            # Heartbeats show that an offset went back also where nothing else is published.
            self._note(outcome)

    async def cluster_id(self) -> str:
        """The id of the broker's cluster, asked now and then. Raises `KafkaError`."""
        fresh_s = _CLUSTER_CHECK_S[self._settings.kafka_profile]
        if self._cluster and monotonic() - self._cluster[1] < fresh_s:
            return self._cluster[0]
        producer = await self._connected()
        client = producer.client
        response = await client.send(client.get_random_node(), MetadataRequest([]))
        self._cluster = (response.cluster_id or "", monotonic())
        return self._cluster[0]

    def went_back(self) -> list[str]:
        """Topics whose acknowledged offset went back since the last call."""
        found = sorted(self._back)
        self._back.clear()
        return found

    async def rebuild(self) -> None:
        """Throw the producer away; the next use makes a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _connected(self) -> Any:
        # Relay and watch both ask at the start; of two producers one would be lost, running.
        async with self._connecting:
            if self._producer is None:
                producer = self._new()
                try:
                    await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    def _new(self) -> Any:
        apache = self._settings.kafka_profile == "apache"
        return AIOKafkaProducer(
            **client_options(self._settings),
            client_id=self._client_id,
            acks="all",
            max_batch_size=_BATCH_BYTES,
            enable_idempotence=apache,
            # aiokafka has lz4 at its ninth level: twenty times the time, for a byte in twenty-five.
            compression_type="snappy" if apache else None,
            request_timeout_ms=10_000,
            retry_backoff_ms=100,
        )

    async def _enqueue(self, producer: Any, parcel: Parcel) -> Any:
        parcel.batch.close()  # or a heartbeat might be added to it
        try:
            return await producer.send_batch(
                parcel.batch, self._prefix + parcel.topic, partition=parcel.partition
            )
        except KafkaError as error:
            return error

    async def _settle(self, parcel: Parcel, future: Any) -> BaseException | None:
        try:
            if isinstance(future, BaseException):
                raise future
            meta = await future
        except _NEVER as error:
            # One of several is refused: the next time each is sent alone, which finds it.
            several = len(parcel.held) > 1
            self._singly = self._singly or several
            return error if several else _never(error)
        except (KafkaError, asyncio.CancelledError) as error:
            return error
        self._note(meta, len(parcel.held))
        return None

    def _note(self, meta: Any, count: int = 1) -> None:
        """Remember the last offset; one that is not behind it says that the broker forgot."""
        if meta.offset < 0:
            return
        key = f"{meta.topic}/{meta.partition}"
        if meta.offset <= self.offsets.get(key, -1):
            self._back.add(meta.topic.removeprefix(self._prefix))
        self.offsets[key] = meta.offset + count - 1


def _never(error: KafkaError) -> NeverSendable:
    """The relay's word for it, with the broker's reason as its cause."""
    never = NeverSendable(str(error))
    never.__cause__ = error
    return never


async def _stop(producer: Any) -> None:
    try:
        await asyncio.wait_for(producer.stop(), 5)
    except (TimeoutError, KafkaError) as error:
        _log.warning("producer_stop", error=type(error).__name__)
