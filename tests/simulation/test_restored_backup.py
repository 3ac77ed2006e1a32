"""A service whose database was set back says other things under numbers that readers know.

Not part of the drawn histories: what was acknowledged after the backup is lost by its nature. What
is promised is that readers notice, keep what they knew, and stop the case by name.
"""

from __future__ import annotations

import pytest

from tests.simulation.calamities import restart
from tests.simulation.conduct import Conduct
from tests.simulation.inputs import Input
from tests.simulation.store.memory import MemoryStore
from tests.simulation.stores import in_memory
from tests.simulation.world import World

REPORT = Input("report", 0, "http funds_not_received")
REPLY = Input("case", 0, "reply")
PROMISE = Input("case", 0, "promise")


async def _intake_set_back(lost: tuple[Input, ...], then: tuple[Input, ...]) -> World:
    """A case whose intake forgets the inputs `lost`, and takes others in their place."""
    world = World((), None)
    await world.open(in_memory)
    conduct = Conduct(world)
    await conduct.run((REPORT,))
    intake = world.stores["intake"]
    assert isinstance(intake, MemoryStore)
    backup = intake.backup()
    await conduct.run(lost)
    intake.restore(backup)
    await conduct.run(then)
    return world


async def _forks(world: World, service: str) -> list[int]:
    parked = await world.stores[service].table("parked")
    return [row["seq"] for row in parked if row["reason"] == "fork"]


@pytest.mark.parametrize("reader", ["escalation", "notifier"])
async def test_another_event_under_the_last_known_number_is_a_fork(reader: str) -> None:
    world = await _intake_set_back((REPLY,), (PROMISE,))
    assert await _forks(world, reader) == [2]
    (entity,) = await world.stores[reader].table("entity")
    assert entity["s1"] == 2, "what it knew stays"


@pytest.mark.parametrize("reader", ["escalation", "notifier"])
async def test_other_events_under_older_numbers_are_forks(reader: str) -> None:
    world = await _intake_set_back((REPLY, REPLY), (PROMISE, PROMISE))
    assert await _forks(world, reader) == [2, 3]


@pytest.mark.parametrize("reader", ["escalation", "notifier"])
async def test_what_follows_a_known_past_is_a_fork_too(reader: str) -> None:
    world = await _intake_set_back((REPLY,), (PROMISE, PROMISE))
    assert await _forks(world, reader) == [2, 3]


async def test_one_other_event_under_an_older_number_is_noticed() -> None:
    world = await _intake_set_back((REPLY, REPLY), (PROMISE,))
    assert await _forks(world, "escalation")


async def test_a_reader_that_was_set_back_hears_again_what_it_forgot() -> None:
    """As the operations page says: stopped, restored, started again."""
    world = World((), None)
    await world.open(in_memory)
    escalation = world.stores["escalation"]
    assert isinstance(escalation, MemoryStore)
    backup = escalation.backup()
    await Conduct(world).run((REPORT,))
    (before,) = await escalation.table("entity")
    escalation.restore(backup)
    assert not await escalation.table("entity")
    for replica in world.of("escalation"):
        await restart(world, replica)
    await world.drain()
    (after,) = await escalation.table("entity")
    assert (after["s1"], after["h1"]) == (before["s1"], before["h1"])
