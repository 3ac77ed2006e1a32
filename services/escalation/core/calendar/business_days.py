"""Counting open dates instead of open time.

Owns: the business day: a date on which some open time starts. Counting starts after day 0, the
local date of the start. Never does: open time inside a day.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Final, assert_never

from services.escalation.core.calendar.table import Table
from services.escalation.core.calendar.timeline import Timeline
from services.escalation.core.calendar.window import DAY_S
from services.escalation.core.calendar.zone import from_us, local_to_instant, local_us


class Roll(StrEnum):
    """Where a deadline goes that falls on a closed date."""

    NONE = "none"
    FOLLOWING = "following"
    PRECEDING = "preceding"


Snap = Callable[[datetime], datetime]


class BusinessDays:
    """Business days of one calendar; dates are local dates of its zone."""

    def __init__(self, line: Timeline, snap_forward: Snap, snap_backward: Snap) -> None:
        self._line = line
        self._zone: Final = line.rules.calendar.zone
        self._snap_forward = snap_forward
        self._snap_backward = snap_backward

    def is_business_day(self, day: date) -> bool:
        """Whether some open time starts on the date."""
        return self.count(day, day) == 1

    def date_after(self, day: date, count: int) -> date:
        """The `count`-th business day after a date; the date itself when `count` is zero."""
        if count <= 0:
            return day if count == 0 else self.date_before(day, -count)
        table = self._around(day)
        while True:
            index = bisect_right(table.open_days, day.toordinal()) + count - 1
            if index < len(table.open_days):
                return date.fromordinal(table.open_days[index])
            table = self._line.later(table)

    def date_before(self, day: date, count: int) -> date:
        """The `count`-th business day before a date; the date itself when `count` is zero."""
        if count <= 0:
            return day if count == 0 else self.date_after(day, -count)
        table = self._around(day)
        while True:
            index = bisect_left(table.open_days, day.toordinal()) - count
            if index >= 0:
                return date.fromordinal(table.open_days[index])
            table = self._line.sooner(table)

    def add(self, start: datetime, count: int) -> datetime:
        """The same wall time `count` business days later, moved into open time."""
        local = start.astimezone(self._zone)
        moved = self.at_wall_time(local, self.date_after(local.date(), count))
        return self._snap_forward(moved) if count >= 0 else self._snap_backward(moved)

    def subtract(self, start: datetime, count: int) -> datetime:
        """The same wall time `count` business days earlier, moved back into open time."""
        local = start.astimezone(self._zone)
        moved = self.at_wall_time(local, self.date_before(local.date(), count))
        return self._snap_backward(moved) if count >= 0 else self._snap_forward(moved)

    def count(self, first: date, last: date) -> int:
        """Business days in `[first, last]`; zero when `last` is before `first`."""
        if last < first:
            return 0
        table = self._line.covering(self._midnight(first), self._midnight(last))
        days = table.open_days
        return bisect_right(days, last.toordinal()) - bisect_left(days, first.toordinal())

    def roll(self, day: date, roll: Roll) -> date:
        """The date itself when open or not rolled, or the business day next to it."""
        if roll is Roll.NONE or self.is_business_day(day):
            return day
        if roll is Roll.FOLLOWING:
            return self.date_after(day, 1)
        if roll is Roll.PRECEDING:
            return self.date_before(day, 1)
        assert_never(roll)

    def nearest(self, at: datetime, roll: Roll) -> datetime:
        """The same wall time on the date that `roll` leads to."""
        local = at.astimezone(self._zone)
        return self.at_wall_time(local, self.roll(local.date(), roll))

    def start_of_day(self, day: date) -> datetime:
        """The first instant of the local date."""
        return from_us(self._midnight(day), self._zone)

    def end_of_day(self, day: date) -> datetime:
        """24:00 of the local date."""
        return from_us(local_us(day, DAY_S, self._zone), self._zone)

    def close_of_business(self, day: date) -> datetime:
        """The last closing of the windows that start on a date; 24:00 when it has none."""
        windows = self._line.rules.open_windows(day)
        if not windows:
            return self.end_of_day(day)
        return from_us(local_us(day, windows[-1].closes_s, self._zone), self._zone)

    def at_wall_time(self, at: datetime, day: date) -> datetime:
        """The instant on `day` at which local clocks show what they show at `at`."""
        local = at.astimezone(self._zone)
        return local_to_instant(datetime.combine(day, local.time()), self._zone)

    def _around(self, day: date) -> Table:
        at = self._midnight(day)
        return self._line.covering(at, at)

    def _midnight(self, day: date) -> int:
        return local_us(day, 0, self._zone)
