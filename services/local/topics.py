"""Topics on a broker of the local stack: waited for, and how full they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.topics import TOPICS
from services.ground.topics import TopicPlan, create_missing

log = logging.getLogger(__name__)

_PAUSE_S: Final = 0.05
_TIMEOUT_MS: Final = 5_000


async def create_topics(bootstrap: str, plan: TopicPlan) -> None:
    """Create what is missing; tries until the broker answers and names them all."""
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
        await create_missing(admin, plan)
    finally:
        await admin.close()
