"""A broker that loses the end of a topic and stays the same: relays see offsets that went back.

Not among the drawn faults: a relay that restarts within the same second is known not to notice.
"""

from __future__ import annotations

import pytest

from tests.simulation.faults import Fault
from tests.simulation.history import History, differences, drawn, run
from tests.simulation.invariants import everybody_knows_the_same

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


@pytest.mark.xfail(strict=True, reason="the offsets are in the relay's memory only")
async def test_also_when_the_relays_restart_before_their_next_heartbeat() -> None:
    lost = Fault("tick", 20, "lose_the_end", 2)
    broken = await _broken(
        908, lost, Fault("tick", 21, "restart", 0), Fault("tick", 22, "restart", 1)
    )
    assert not [each for each in broken if each.startswith(everybody_knows_the_same.__name__)]
