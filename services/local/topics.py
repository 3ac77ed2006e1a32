"""Topics on a broker of the local stack: created with the wanted partitions, and how full they are.

Never deletes a topic.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import TOPICS

log = logging.getLogger(__name__)

_PAUSE_S: Final = 0.05
_TIMEOUT_MS: Final = 5_000
_MS_PER_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What must exist on a broker: all topics of `schemas.topics` with this prefix."""

    prefix: str
    partitions: int

    def new_topics(self) -> list[NewTopic]:
        """The topics in the admin client's terms."""
        return [
            NewTopic(
                name=self.prefix + row.name,
                num_partitions=self.partitions,
                replication_factor=1,
                topic_configs={"retention.ms": str(row.retention_days * _MS_PER_DAY)},
            )
            for row in TOPICS
        ]


async def create_topics(bootstrap: str, plan: TopicPlan) -> None:
    """Create what is missing; tries until the broker answers, and returns when it names them all.

    A consumer group that forms before would get no partitions of a topic it does not know yet.
    """
    await _until_it_listens(bootstrap)
    while True:
        try:
            await _create_once(bootstrap, plan)
        except (KafkaError, OSError) as error:
            log.debug("topics not yet created on %s: %s", bootstrap, error)
            await asyncio.sleep(_PAUSE_S)
        else:
            return


async def longest_partition(bootstrap: str, plan: TopicPlan) -> int:
    """The highest end offset of any partition: never less than its batches."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(_partitions(plan)))
    finally:
        await consumer.stop()
    return max(ends.values(), default=0)


def _partitions(plan: TopicPlan) -> Iterable[TopicPartition]:
    for row in TOPICS:
        for partition in range(plan.partitions):
            yield TopicPartition(plan.prefix + row.name, partition)


async def _until_it_listens(bootstrap: str) -> None:
    """Wait for the port: the Kafka client would log an error for every try."""
    host, port = bootstrap.rsplit(":", 1)
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            await asyncio.sleep(_PAUSE_S)
        else:
            writer.close()
            return


async def _create_once(bootstrap: str, plan: TopicPlan) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    try:
        await admin.start()
        response = await admin.create_topics(plan.new_topics())
        for name, code, *_ in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(name)
        wanted = {topic.name for topic in plan.new_topics()}
        while wanted - set(await admin.list_topics()):
            await asyncio.sleep(_PAUSE_S)
    finally:
        await admin.close()
