"""A broker that loses the end of a topic and stays the same: relays see offsets that went back.

Not among the drawn faults: a relay that dies between its first heartbeat after the loss and
publishing again leaves nothing to notice it by.
"""

from __future__ import annotations

import pytest

from tests.simulation.faults import Fault
from tests.simulation.history import History, differences, drawn, run

PLACES = [(900, 14), (903, 20), (906, 30), (909, 25)]


async def _broken(seed: int, *faults: Fault) -> list[str]:
    history, twin = await drawn(seed)
    verdict = await run(History(history.script, faults, history.order))
    assert verdict.struck == faults
    return verdict.violations + differences(twin, verdict)


@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize(("seed", "at"), PLACES)
async def test_what_was_lost_is_published_again(seed: int, at: int, lost: int) -> None:
    assert not await _broken(seed, Fault("tick", at, "lose_the_end", lost))


@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize(("seed", "at"), [*PLACES, (908, 20)])
async def test_also_when_the_relays_restart_before_their_next_heartbeat(
    seed: int, at: int, lost: int
) -> None:
    writers = (2, 3) if lost % 2 else (0, 1)
    restarts = [Fault("tick", at + 1 + n, "restart", who) for n, who in enumerate(writers)]
    assert not await _broken(seed, Fault("tick", at, "lose_the_end", lost), *restarts)
