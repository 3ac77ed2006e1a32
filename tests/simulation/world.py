"""A history: three services of two replicas each, one step after another, in an order by the seed.

Owns the schedule, who reads which partition, deaths and restarts, and both clocks. What goes wrong
comes from the plan; what is done, from `conduct`; whether all is well, from `invariants`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from services.kit.db import RETRYABLE_ERRORS, UNREACHABLE
from services.kit.wire import StoredRecord
from tests.simulation import calamities
from tests.simulation.broker import Broker, Place
from tests.simulation.database import SimulatedDatabase
from tests.simulation.faults import BrokerAway, Crash, Fault, Misfortune
from tests.simulation.replica import Loop, Replica, Surroundings, start
from tests.simulation.store.contract import EPOCH, Instant, Store

EXPECTED: Final[tuple[type[BaseException], ...]] = (*RETRYABLE_ERRORS, *UNREACHABLE, BrokerAway)
SERVICES: Final = ("intake", "escalation", "notifier")
_TURNS: Final = 6_000
_BATCH: Final = 150
"""Of 200 and more a consumer makes two transactions at once."""
Stores = Callable[[Instant], Awaitable[dict[str, Store]]]


class NotDrained(Exception):
    """Something is still in flight after more turns than anything should take."""


class World:
    """One history while it runs. Without `rng` every turn takes who is first."""

    def __init__(self, plan: Sequence[Fault], rng: random.Random | None) -> None:
        self.rng = rng
        self.time = Instant()
        self.domain: datetime = EPOCH
        self.misfortune = Misfortune(plan)
        self.broker = Broker()
        self.stores: dict[str, Store] = {}
        self.replicas: list[Replica] = []
        self.reads: dict[tuple[str, Place], Replica] = {}
        self.ghosts: list[tuple[Replica, list[StoredRecord]]] = []
        self.stalled: dict[tuple[str, Place], float] = {}
        self.most = rng.choice((1, 3, _BATCH)) if rng else _BATCH
        self.unaware_until_s = 0.0
        self.turns = 0

    async def open(self, stores: Stores) -> None:
        """Make the databases and start every replica."""
        self.stores = await stores(self.time)
        databases = {
            name: SimulatedDatabase(store, self.misfortune) for name, store in self.stores.items()
        }
        seed = self.rng.getrandbits(64) if self.rng else 0
        around = (self.time, self.broker, self.misfortune, databases, random.Random(seed))
        self.around = Surroundings(*around)
        await self.move_to(EPOCH)
        for service in SERVICES:
            for number in "ab":
                self.replicas.append(await start(self.around, service, f"{service}-{number}"))
            await calamities.share_out(self, service)
        self.misfortune.awake = True

    async def close(self) -> None:
        """Let go of the databases."""
        for store in self.stores.values():
            await store.close()

    def of(self, service: str) -> list[Replica]:
        """The replicas of a service."""
        return [replica for replica in self.replicas if replica.service == service]

    def some(self, service: str) -> Replica:
        """The replica that a client reaches."""
        chosen: Replica = self.pick(self.of(service))
        return chosen

    def pick(self, among: Sequence[Any]) -> Any:
        """One of them, by the seed."""
        return self.rng.choice(among) if self.rng else among[0]

    async def move_to(self, domain: datetime) -> None:
        """Set simulated time in every service, and wake the timers."""
        self.domain = domain
        for service in SERVICES:
            await self.stores[service].set_clock(domain)
        for replica in self.replicas:
            _wake(replica, self.time.elapsed_s)

    async def turn(self) -> None:
        """One step of somebody, or, where nobody has anything to do, time."""
        self.turns += 1
        self.time.pass_by(self.rng.randint(1, 40) / 1000 if self.rng else 0.01)
        fault = self.misfortune.at("tick")
        if fault is not None:
            await calamities.befall(self, fault)
            return
        ready = self._ready()
        if ready:
            await self.pick(ready)()
            self._pass_on_hints()
            return
        soonest = min(loop.looks_s for replica in self.replicas for loop in replica.loops)
        # A busy machine looks later than it meant to; streams are stale only after five seconds.
        late_s = self.rng.uniform(0.2, 3.0) if self.rng else 0.0
        self.time.pass_by(max(late_s, soonest - self.time.elapsed_s))

    def _ready(self) -> list[Callable[[], Awaitable[None]]]:
        """Whoever has something to do now."""
        now_s = self.time.elapsed_s
        ready: list[Callable[[], Awaitable[None]]] = [self._haunt] if self.ghosts else []
        ready += [
            partial(self.consume, replica)
            for replica in self.replicas
            if any(self._lags(replica, place) for place in replica.positions)
        ]
        ready += [
            partial(self._step, replica, loop)
            for replica in self.replicas
            for loop in replica.loops
            if loop.looks_s <= now_s
        ]
        return ready

    def _lags(self, replica: Replica, place: Place) -> bool:
        behind = self.broker.end(place) > replica.positions[place]
        return behind and (self.stalled.get((replica.service, place), 0.0) <= self.time.elapsed_s)

    def lag(self, replica: Replica, place: Place) -> list[StoredRecord]:
        """What a replica has not taken yet of a partition that is not stalled."""
        found = self.broker.after(place, replica.positions[place])
        return found if self._lags(replica, place) else []

    async def consume(self, replica: Replica) -> None:
        """A batch of one or more partitions, then the offsets."""
        batch = self.fetch(replica)

        async def handle() -> None:
            await replica.consumer.handle(batch)
            fault = self.misfortune.at("ack")
            if fault is not None:
                raise Crash(str(fault))

        if not await self.attempt(replica, handle):
            return
        for record in batch:
            place = (record.topic, record.partition)
            replica.positions[place] = record.offset + 1
            self.broker.committed[replica.service, place] = record.offset + 1

    def fetch(self, replica: Replica) -> list[StoredRecord]:
        """The next records of some of its partitions, each in order."""
        places = [place for place in sorted(replica.positions) if self._lags(replica, place)]
        if self.rng:
            self.rng.shuffle(places)
            places = places[: self.rng.randint(1, max(1, len(places)))]
        most = self.rng.randint(1, self.most) if self.rng else self.most
        return [record for place in places for record in self.lag(replica, place)[:most]][:most]

    async def _haunt(self) -> None:
        """A replica that lost its partitions goes on with the batch it had; it commits nothing."""
        replica, batch = self.ghosts.pop(0)
        await self.attempt(replica, lambda: replica.consumer.handle(batch))

    async def _step(self, replica: Replica, loop: Loop) -> None:
        rest_s = 0.0

        async def work() -> None:
            nonlocal rest_s
            rest_s = await loop.step()
            if replica.courier is not None and loop.name == "courier":
                await _carried(replica)
                rest_s = 0.0 if replica.courier._attempts else rest_s

        well = await self.attempt(replica, work)
        loop.failures = 0 if well else loop.failures + 1
        rest_s = rest_s if well else min(5.0, 0.05 * 2.0**loop.failures)
        loop.due_s = self.time.elapsed_s + rest_s

    async def attempt(self, replica: Replica, work: Callable[[], Awaitable[Any]]) -> bool:
        """Do something as a replica; False if it failed in a way that is tried again, or died."""
        try:
            await work()
        except Crash:
            await calamities.restart(self, replica)
            return False
        except EXPECTED:
            return False
        return True

    def _pass_on_hints(self) -> None:
        """What LISTEN tells the loops of a service after somebody's commit."""
        for service in SERVICES:
            if self.around.databases[service].woke():
                for replica in self.of(service):
                    _wake(replica, self.time.elapsed_s)

    async def drain(self) -> None:
        """Turn until nothing is in flight. Raises `NotDrained`."""
        for _ in range(_TURNS):
            busy = await self.in_flight()
            if not busy:
                return
            await self.turn()
        raise NotDrained(busy)

    async def in_flight(self) -> str:
        """Something that is not done yet; empty when all is quiet."""
        for replica in self.replicas:
            if any(self.broker.end(place) > at for place, at in replica.positions.items()):
                return f"{replica.name} lags"
        for service in SERVICES:
            async for what in self._unfinished(service):
                return f"{service}: {what}"
        unsent = await self.stores["notifier"].table("delivery")
        if any(row["next_attempt_at"] is not None for row in unsent):
            return "deliveries"
        if self.unaware_until_s > self.time.elapsed_s:
            return "relays may not have noticed what was lost"
        return "ghosts" if self.ghosts else ""

    async def _unfinished(self, service: str) -> AsyncIterator[str]:
        store = self.stores[service]
        if [row["id"] for row in await store.table("cluster")] != [self.broker.cluster_id]:
            yield "has not noticed the broker"
        for name in ("unpublished", "foreign_waiting"):
            if await store.table(name):
                yield name
        if await self._waits_for_others(service):
            yield "parked"
        wakes = [row["wake_at"] for row in await store.table("entity")]
        if any(at is not None and at <= self.domain for at in wakes):
            yield "due"

    async def _waits_for_others(self, service: str) -> bool:
        """Parked records, unless their case waits for a person."""
        parked = await self.stores[service].table("parked")
        stuck = {row["entity"] for row in parked if row["reason"] == "fork"}
        stuck |= {row["entity"] for row in await self.stores[service].table("dead_letter")}
        return any(row["entity"] not in stuck for row in parked)

    async def next_due(self) -> datetime | None:
        """The earliest instant at which anything is due."""
        found = [
            entity["wake_at"]
            for service in SERVICES
            for entity in await self.stores[service].table("entity")
            if entity["wake_at"] is not None
        ]
        return min(found, default=None)


async def _carried(replica: Replica) -> None:
    """Wait for what a courier has under way, which it does not do itself."""
    courier = replica.courier
    while courier is not None and courier._under_way:
        await asyncio.wait(courier._under_way)
    if courier is not None and courier.died is not None:
        raise courier.died


def _wake(replica: Replica, now_s: float) -> None:
    for loop in replica.loops:
        if loop.name in ("relay", "timers", "courier"):
            loop.due_s = min(loop.due_s, now_s)
