"""The topics that the services expect: created where missing, compared where they are there.

Owns partitions, copies and retention. Never deletes a topic and never changes one: both lose what
somebody meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from schemas.topics import TOPICS

_PAUSE_S: Final = 0.05
_MS_PER_DAY: Final = 86_400_000
_RETENTION: Final = "retention.ms"
_IN_SYNC: Final = "min.insync.replicas"


@dataclass(frozen=True, slots=True)
class TopicShape:
    """What a topic is like. `settings` are those that we mind, as the broker writes them."""

    partitions: int
    replication: int
    settings: Mapping[str, str]

    def text(self) -> str:
        """On one line, for people."""
        days = int(self.settings[_RETENTION]) / _MS_PER_DAY
        return f"partitions {self.partitions}, replication {self.replication}, kept {days:g} days"


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What must exist on a broker: all topics of `schemas.topics` with this prefix."""

    prefix: str
    partitions: int
    replication: int = 1

    def wanted(self) -> dict[str, TopicShape]:
        """The shape of each topic by its name."""
        # One copy may be away without anything waiting; with fewer there is none to spare.
        in_sync = {_IN_SYNC: str(self.replication - 1)} if self.replication > 2 else {}
        return {
            self.prefix + row.name: TopicShape(
                self.partitions,
                self.replication,
                {_RETENTION: str(row.retention_days * _MS_PER_DAY), **in_sync},
            )
            for row in TOPICS
        }


def differences(wanted: TopicShape, found: TopicShape) -> list[str]:
    """What is not as wanted, one line each."""
    pairs = {
        "partitions": (found.partitions, wanted.partitions),
        "replication": (found.replication, wanted.replication),
        **{
            name: (found.settings.get(name, "unset"), value)
            for name, value in wanted.settings.items()
        },
    }
    return [f"{name} is {is_}, wanted {want}" for name, (is_, want) in pairs.items() if is_ != want]


async def create_missing(admin: AIOKafkaAdminClient, plan: TopicPlan) -> list[str]:
    """Create what is missing; returns its names when the broker names every topic of the plan.

    A consumer group that forms before would get no partitions of a topic it does not know yet.
    Raises KafkaError.
    """
    wanted = plan.wanted()
    response = await admin.create_topics([_new(name, shape) for name, shape in wanted.items()])
    created = []
    for name, code, *said in response.topic_errors:
        if code == 0:
            created.append(name)
        elif code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"{name}: {said[0] if said else 'not created'}")
    while set(wanted) - set(await admin.list_topics()):
        await asyncio.sleep(_PAUSE_S)
    return created


async def look(admin: AIOKafkaAdminClient, plan: TopicPlan) -> dict[str, TopicShape]:
    """The shape of those topics of the plan that are there. Raises KafkaError."""
    present = set(await admin.list_topics())
    names = [name for name in plan.wanted() if name in present]
    if not names:
        return {}
    settings = await _settings(admin, names)
    return {
        topic["topic"]: TopicShape(
            len(topic["partitions"]),
            min((len(one["replicas"]) for one in topic["partitions"]), default=0),
            settings.get(topic["topic"], {}),
        )
        for topic in await admin.describe_topics(names)
    }


async def _settings(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, said, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"{name}: {said}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _new(name: str, shape: TopicShape) -> Any:
    return NewTopic(
        name=name,
        num_partitions=shape.partitions,
        replication_factor=shape.replication,
        topic_configs=dict(shape.settings),
    )
