"""The moving parts of one service, wired: consumer, relay, timers, chores, and their hints.

Owns which loops there are and what wakes them. Starts and stops them in order.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.blueprint import Blueprint, Parts
from services.kit.broker_watch import BrokerWatch
from services.kit.bus import Bus
from services.kit.clinic import Clinic
from services.kit.consumer import Consumer
from services.kit.db import UNREACHABLE
from services.kit.erasure.watch import ErasureWatch
from services.kit.listener import Listener
from services.kit.loop import BackgroundLoop
from services.kit.outlet import KafkaOutlet
from services.kit.patience import Patience
from services.kit.rebalancing import known_by
from services.kit.relay import Relay
from services.kit.retention.chore import Retention
from services.kit.retention.classes import kit_classes
from services.kit.settings import Settings
from services.kit.sorting import Reader
from services.kit.timers import Timers
from services.kit.unit import Entities
from services.kit.upkeep import Upkeep
from services.kit.wire import Emittable

_log = structlog.get_logger(__name__)


class Machinery:
    """Everything of one service that runs by itself."""

    def __init__(
        self, blueprint: Blueprint, settings: Settings, entities: Entities, parts: Parts
    ) -> None:
        self._parts = parts
        self.stale_after_s = settings.stale_after_s
        self._channels: dict[str, Callable[[], None]] = dict(parts.channels)
        self._outlet = KafkaOutlet(settings, f"{settings.topics_prefix}{blueprint.name}")
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self._relay = Relay(entities, self._outlet, owner, blueprint.readers)
        self._timers: Timers | None = None
        self.loops: list[BackgroundLoop] = list(parts.loops)
        self._add_relay(blueprint, settings, entities)
        reader = _reader(blueprint, settings)
        consumer = Consumer(blueprint.name, entities, reader, parts.logic, parts.foreign)
        topics = (*reader.sequenced, *reader.foreign, reader.control)
        known = known_by(entities, settings.topics_prefix)
        self.bus = Bus(settings, blueprint.name, topics, consumer.handle, known)
        self.clinic = Clinic(entities, reader, parts.logic, parts.foreign)
        self.loops.append(BackgroundLoop("broker", BrokerWatch(self._outlet, self.bus).step))
        watch = ErasureWatch(entities, reader, parts.forget)
        self.loops.append(BackgroundLoop("erasures", watch.step))
        classes = (*kit_classes(entities.db, entities.sealer, settings), *parts.retention)
        self.retention = Retention(entities, classes)
        self.loops.append(BackgroundLoop("retention", self.retention.step))
        self._add_patience(settings, entities, reader)
        self._add_timers(blueprint, settings, entities)
        self._listener = Listener(settings.database_dsn, self._channels)

    def start(self) -> None:
        """Start everything; the broker is waited for."""
        self._listener.start()
        for loop in self.loops:
            loop.start()
        self.bus.start()

    async def stop(self) -> None:
        """Consumer first, so that what it decided can still be relayed; then the loops."""
        await within(self.bus.stop(), 4)
        for loop in reversed(self.loops):
            await within(loop.stop(), 2)
        await within(self._listener.stop(), 1)
        for close in (*self._parts.closing, self._relay.resign, self._outlet.rebuild):
            await within(close(), 2)

    async def republish(self, topic: str) -> None:
        """Publish a topic again from the last point that every reader of it has confirmed."""
        await self._relay.republish(topic)

    def counters(self) -> dict[str, int]:
        """Numbers that move whenever work is done."""
        fired = self._timers.fired if self._timers else 0
        return {**telemetry.consumed(), "published": self._relay.published, "fired": fired}

    def _add_relay(self, blueprint: Blueprint, settings: Settings, entities: Entities) -> None:
        relay = BackgroundLoop("relay", self._relay.step)
        self._channels[f"{blueprint.name}_unpublished"] = relay.wake.set
        tell = _teller(entities, self._outlet, blueprint.control_topic)
        upkeep = Upkeep(
            entities,
            tell,
            gap_age_s=settings.gap_age_s,
            consumer=blueprint.name,
            partitions=settings.partitions,
        )
        self.loops += [relay, BackgroundLoop("upkeep", upkeep.step)]

    def _add_patience(self, settings: Settings, entities: Entities, reader: Reader) -> None:
        if self._parts.foreign is not None:
            patience = Patience(
                entities, reader, self._parts.foreign, unknown_wait_s=settings.unknown_wait_s
            )
            self.loops.append(BackgroundLoop("patience", patience.step))

    def _add_timers(self, blueprint: Blueprint, settings: Settings, entities: Entities) -> None:
        if self._parts.logic is None:
            return
        self._timers = Timers(entities, self._parts.logic, stale_after_s=settings.stale_after_s)
        loop = BackgroundLoop("timers", self._timers.step)
        self.loops.append(loop)
        self._channels[f"{blueprint.name}_wake"] = loop.wake.set
        self._channels["recourse_clock"] = loop.wake.set


def _reader(blueprint: Blueprint, settings: Settings) -> Reader:
    return Reader(
        settings.topics_prefix,
        blueprint.streams.inputs,
        blueprint.foreign_topics,
        blueprint.control_topic,
        blueprint.codec,
    )


def _teller(
    entities: Entities, outlet: KafkaOutlet, topic: str
) -> Callable[[Emittable, UUID], Awaitable[None]]:
    """Publishes on the control topic, best effort: whatever is lost is said again."""
    codec, source = entities.codec, entities.streams.source

    async def tell(message: Emittable, id: UUID) -> None:
        now = await entities.now()
        value = message.halves()[0]
        event = codec.make(id, source, message.type_name(), None, 0, "", now.domain, b"", value)
        await outlet.publish([(topic, None, codec.headers(event), value)])

    return tell


async def within(work: Awaitable[None], seconds: float) -> None:
    """Await something that may be slow or broken at the end; it must not hold up the rest."""
    try:
        await asyncio.wait_for(work, seconds)
    except UNREACHABLE as error:
        _log.warning("slow_stop", error=type(error).__name__)
