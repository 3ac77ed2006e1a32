"""A million open cases: what they cost while nothing happens, how late and how fast timers are.

Owns the order: one seeding for all, then idle, then lateness on a clock that runs, then rungs at
instants of a clock that stands still.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from benchmarks import idle, lateness, rungs
from benchmarks.ground import Ground
from benchmarks.measurement import Row
from benchmarks.open_cases import FIRST_RESPONSE, OPENED_AT, opened
from benchmarks.seeding import seed, settle
from benchmarks.sizes import Sizes

_TIMED_FROM: Final = OPENED_AT - timedelta(minutes=2)
"""Cases for lateness began before all others, so that they are due alone."""
_IDLE_FROM: Final = OPENED_AT + timedelta(minutes=2)


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """All three, on one database."""
    place = await ground.place()
    timed = _evenly(_TIMED_FROM, sizes.calm_per_s, sizes.timed_s)
    slots = [OPENED_AT + timedelta(minutes=number) for number in range(sizes.slots)]
    dues = [at + FIRST_RESPONSE for at in slots[: rungs.DUES * sizes.repetitions]]
    async with opened(place) as cases:
        began = time.monotonic()
        await cases.open([-1 - number for number in range(len(timed))], timed)
        await seed(cases, slots, sizes.crowd)
        await settle(cases, place.admin_dsn)
        seeded_s = time.monotonic() - began
        print(f"  {sizes.crowd} open cases seeded in {seeded_s:.0f} s", file=sys.stderr, flush=True)
        await cases.go_to(_IDLE_FROM, running=True)
        given = f", {sizes.crowd} open cases"
        ground.tell(await idle.of_place(ground, place, sizes, given))
        ground.tell(await lateness.measure(place, cases, timed, sizes.crowd))
        return await rungs.measure(place, cases, dues, sizes.crowd)


def _evenly(first: datetime, per_s: int, seconds: int) -> list[datetime]:
    return [first + timedelta(seconds=number / per_s) for number in range(per_s * seconds)]
