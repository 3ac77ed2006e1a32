"""What befalls a whole replica, group, broker or clock, rather than one call.

Owns deaths, restarts, rebalances, zombies, forgetting and jumps of the clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition

from services.kit.rebalancing import to_rewind
from tests.simulation.broker import Place
from tests.simulation.faults import Fault
from tests.simulation.replica import Replica, start

if TYPE_CHECKING:
    from tests.simulation.world import World

_TWO_HEARTBEATS_S: Final = 8.0
"""A second each, on a machine that is as late as it ever is."""
_SERVICES: Final = ("intake", "escalation", "notifier")


async def share_out(world: World, service: str, first: int = 0) -> None:
    """Give the partitions of a service's topics to its replicas in turn, from what is committed."""
    replicas = world.of(service)
    for replica in replicas:
        replica.positions.clear()
    places = world.broker.places(replicas[0].topics)
    for number, (place, at) in enumerate((await _beginnings(world, service, places)).items()):
        replicas[(number + first) % len(replicas)].positions[place] = at


async def _beginnings(world: World, service: str, places: Iterable[Place]) -> dict[Place, int]:
    """Where reading begins, as the kit decides it."""
    committed = world.broker.committed
    told = {TopicPartition(*place): committed.get((service, place)) for place in places}
    rows = await world.stores[service].table("fetched")
    known = {(row["topic"], row["part"]): row["next"] for row in rows}
    return {tuple(at): next_ or 0 for at, next_ in (told | dict(to_rewind(known, told))).items()}


async def restart(world: World, replica: Replica) -> None:
    """A process begins anew, with nothing but what was committed."""
    awake, world.misfortune.awake = world.misfortune.awake, False
    fresh = await start(world.around, replica.service, replica.name)
    fresh.positions = await _beginnings(world, replica.service, replica.positions)
    for loop in fresh.loops:
        loop.due_s = world.time.elapsed_s
    world.replicas[world.replicas.index(replica)] = fresh
    world.ghosts = [ghost for ghost in world.ghosts if ghost[0] is not replica]
    world.misfortune.awake = awake


async def befall(world: World, fault: Fault) -> None:
    """Let a fault of the whole happen."""
    await _WHAT[fault.kind](world, fault.more)


async def _rebalance(world: World, more: int) -> None:
    await share_out(world, _SERVICES[more % 3], first=more // 3)


async def _zombie(world: World, more: int) -> None:
    """One that is too slow for the group: its partitions move, and it goes on all the same."""
    service = _SERVICES[more % 3]
    for replica in world.of(service):
        batch = world.fetch(replica)
        if batch:
            world.ghosts.append((replica, batch))
    await share_out(world, service, first=1)


async def _rewind(world: World, more: int) -> None:
    """Offsets that were never committed: everything of some partitions comes again."""
    service = _SERVICES[more % 3]
    for group, place in list(world.broker.committed):
        if group == service:
            back = world.broker.committed[group, place] - more - 1
            world.broker.committed[group, place] = max(0, back)
    await share_out(world, service)


async def _stall(world: World, more: int) -> None:
    """Partitions that are late: others of the same reader are read before them."""
    service = _SERVICES[more % 3]
    places = world.broker.places(world.of(service)[0].topics)
    for place in places[more % 2 :: 2]:
        world.stalled[service, place] = world.time.elapsed_s + 1 + 2 * more


async def _restart_one(world: World, more: int) -> None:
    await restart(world, world.replicas[more % len(world.replicas)])


async def _silence(world: World, more: int) -> None:
    """A service's relays stop for longer than a stream may be silent."""
    for replica in world.of(_SERVICES[more % 2]):
        for loop in replica.loops:
            if loop.name == "relay":
                loop.stopped_until_s = world.time.elapsed_s + 6 + 3 * more
    world.time.pass_by(5.5)


async def _forget(world: World, more: int) -> None:
    world.broker.forget()
    for service in _SERVICES:
        await share_out(world, service)


async def _echo(world: World, more: int) -> None:
    """Other backends send their latest messages again, each under its own id."""
    for message in world.broker.foreign[-more - 1 :]:
        world.broker.take(message)


async def _clock_on(world: World, more: int) -> None:
    world.time.jump(2.0 ** (2 * more))


async def _clock_back(world: World, more: int) -> None:
    world.time.jump(-(2.0**more))


async def _lose_the_end(world: World, more: int) -> None:
    """The broker loses the end of a topic of ours, and is the same broker as before."""
    topic = ("cases", "escalations")[more % 2]
    world.broker.lose_the_end(topic, 1 + more)
    for service in ("escalation", "notifier"):
        await share_out(world, service)
    world.unaware_until_s = world.time.elapsed_s + _TWO_HEARTBEATS_S


async def _leap(world: World, more: int) -> None:
    """Simulated time goes on though things are in flight: what is late news may be taken back."""
    due = await world.next_due()
    if due is not None:
        await world.move_to(max(due, world.domain))


_WHAT: Final[dict[str, Callable[[World, int], Awaitable[None]]]] = {
    "rebalance": _rebalance,
    "zombie": _zombie,
    "rewind": _rewind,
    "stall": _stall,
    "restart": _restart_one,
    "silence": _silence,
    "forget": _forget,
    "echo": _echo,
    "leap": _leap,
    "lose_the_end": _lose_the_end,
    "clock_on": _clock_on,
    "clock_back": _clock_back,
}
