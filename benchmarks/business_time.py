"""Business time: additions on a calendar with holidays, beside a walk from day to day.

The walk is what one writes first: it looks at every window of every day. Its answers are compared
with ours before anything is timed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.sizes import Sizes
from services.escalation.core.calendar import BusinessTime
from services.escalation.core.policy import compile_policy
from services.packs import DEFAULT_PACK, load_pack

_CALENDAR: Final = "service_hours"
_SEED: Final = 20261122
_YEAR: Final = datetime.fromisoformat("2026-01-01T00:00:00+08:00")
_DAYS: Final = 400
_LONGEST_H: Final = 80
_COMPARED: Final = 300
Addition = tuple[datetime, timedelta]
Windows = Mapping[date, Sequence[tuple[timedelta, timedelta]]]


def measure(sizes: Sizes) -> Sequence[Row]:
    """Additions of up to ten business days, anywhere in 2026, with its holidays."""
    pack = load_pack(DEFAULT_PACK)
    calendar = compile_policy(pack.pack, pack.digest).calendars[_CALENDAR]
    chance = random.Random(_SEED)
    additions = [_addition(chance) for _ in range(sizes.additions)]
    windows = windows_of(calendar, _YEAR.date(), _DAYS)
    _compare(calendar, windows, additions[:_COMPARED])
    ours, bare = [], []
    for _ in range(sizes.repetitions):
        ours.append(_rate(calendar.add, additions))
        bare.append(_rate(partial(walk, windows), additions[: sizes.walks]))
    what = "business-time additions, one year with holidays"
    return [Row(what, "/s", Samples.of(ours), "a walk by days", Samples.of(bare), Better.HIGHER)]


def windows_of(calendar: BusinessTime, first: date, days: int) -> Windows:
    """The open windows of each local date, from midnight: a table, so that a look costs nothing."""
    dates = [first + timedelta(days=number) for number in range(days)]
    return {
        day: [
            (timedelta(seconds=window.opens_s), timedelta(seconds=window.closes_s))
            for window in calendar.rules.open_windows(day)
        ]
        for day in dates
    }


def walk(windows: Windows, start: datetime, amount: timedelta) -> datetime:
    """The instant when `amount` of open time has passed since `start`, day by day.

    Only for zones without clock changes, as Asia/Shanghai.
    """
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    left = amount
    while True:
        for opens, closes in windows[midnight.date()]:
            begin, end = max(start, midnight + opens), midnight + closes
            if begin >= end:
                continue
            if left <= end - begin:
                return begin + left
            left -= end - begin
        midnight += timedelta(days=1)


def _addition(chance: random.Random) -> Addition:
    start = _YEAR + timedelta(seconds=chance.randrange(365 * 86_400))
    return start, timedelta(seconds=chance.randrange(1, _LONGEST_H * 3600))


def _compare(calendar: BusinessTime, windows: Windows, additions: Sequence[Addition]) -> None:
    for start, amount in additions:
        if calendar.add(start, amount) != walk(windows, start, amount):
            raise NotMeasured(f"the two ways differ at {start} + {amount}")


def _rate(add: Callable[[datetime, timedelta], datetime], additions: Sequence[Addition]) -> float:
    began = time.perf_counter()
    for start, amount in additions:
        add(start, amount)
    return len(additions) / (time.perf_counter() - began)
