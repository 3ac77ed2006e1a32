"""A database's clock that is set back, and then a broker that forgets: nothing is left behind.

Readers have confirmed an instant that the clock has not reached again; republishing begins there.
"""

from __future__ import annotations

import pytest

from tests.simulation.faults import Fault
from tests.simulation.history import History, differences, drawn, run

SECONDS_AS_POWER_OF_TWO = 7


@pytest.mark.parametrize("forgotten_at", [18, 26, 34, 42])
@pytest.mark.parametrize("seed", [25, 900, 903, 906])
async def test_what_was_written_after_it_is_published_again(seed: int, forgotten_at: int) -> None:
    history, twin = await drawn(seed)
    faults = (
        Fault("tick", 14, "clock_back", SECONDS_AS_POWER_OF_TWO),
        Fault("tick", forgotten_at, "forget", 1),
    )
    verdict = await run(History(history.script, faults, history.order))
    assert verdict.struck == faults
    assert not verdict.violations + differences(twin, verdict)
