"""What is open on a local date, and why.

Owns: the precedence of a calendar's rules, the split of overnight windows, and the widest day
that might be decreed beyond the horizon. Never does: zones or instants.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from services.escalation.core.calendar.model import Calendar, MonthDay, Windows
from services.escalation.core.calendar.window import DAY_S, Window, shift, subtract, union

ONE_DAY: Final = timedelta(days=1)


class Why(StrEnum):
    """Why a stretch of time counts or does not."""

    OPEN_HOURS = "open hours"
    SHIFT = "open: shift"
    MAKE_UP_DAY = "open: make-up day"
    SURGE = "open: surge day"
    BEYOND_HORIZON = "open: widest hours beyond the horizon"
    OUTSIDE_HOURS = "closed: outside hours"
    HOLIDAY = "closed: holiday"
    CLOSED_SHIFT = "closed: shift"
    BREAK = "break"


class Beyond(StrEnum):
    """What is assumed of dates after the calendar's horizon."""

    AS_WRITTEN = "as_written"
    """Weekly and yearly rules go on: the expected instant."""
    WIDEST = "widest"
    """Every date opens as wide as any day of the week: no instant can come out earlier."""


class DayPlan(NamedTuple):
    """The windows of the first rule that names a date, and that rule."""

    windows: Windows
    why: Why


class DayRules:
    """Answers for single dates of one calendar."""

    def __init__(self, calendar: Calendar, beyond: Beyond = Beyond.AS_WRITTEN) -> None:
        self.calendar = calendar
        self._horizon = calendar.horizon if beyond is Beyond.WIDEST else None
        self._widest = _widest(calendar)

    def plan(self, day: date) -> DayPlan:
        """What applies on a date before surge windows and breaks."""
        if self._horizon and day > self._horizon:
            return DayPlan(self._widest, Why.BEYOND_HORIZON)
        return self._exact_plan(day) or self._yearly_plan(day) or self._weekly_plan(day)

    def _exact_plan(self, day: date) -> DayPlan | None:
        calendar = self.calendar
        if day in calendar.holidays:
            return DayPlan((), Why.HOLIDAY)
        if day in calendar.shifts:
            return _shifted(calendar.shifts[day])
        make_up = calendar.make_up_days.get(day)
        return None if make_up is None else DayPlan(make_up, Why.MAKE_UP_DAY)

    def _yearly_plan(self, day: date) -> DayPlan | None:
        month_day = MonthDay(day.month, day.day)
        if month_day in self.calendar.yearly_holidays:
            return DayPlan((), Why.HOLIDAY)
        shifted = self.calendar.yearly_shifts.get(month_day)
        return None if shifted is None else _shifted(shifted)

    def _weekly_plan(self, day: date) -> DayPlan:
        windows = self.calendar.weekly[day.weekday()]
        return DayPlan(windows, Why.OPEN_HOURS if windows else Why.OUTSIDE_HOURS)

    def open_windows(self, day: date) -> Windows:
        """Open time that starts on a date, up to 48 hours after its midnight."""
        windows = self.plan(day).windows
        surge = self.calendar.surges.get(day)
        if surge:
            windows = union((*windows, *surge))
        for cut in self._cuts(day, windows):
            windows = subtract(windows, cut)
        return windows

    def _cuts(self, day: date, windows: Windows) -> Iterable[Window]:
        breaks = self.calendar.breaks
        yield from self._breaks(day)
        if not windows or windows[-1].closes_s <= DAY_S:
            return
        # A holiday closes its whole local date, so also the end of the night shift before it.
        following = day + ONE_DAY
        if self.plan(following).why is Why.HOLIDAY:
            yield Window(DAY_S, 2 * DAY_S)
        if breaks:
            yield from (shift(cut, DAY_S) for cut in self._breaks(following))

    def _breaks(self, day: date) -> Windows:
        if self._horizon and day > self._horizon:
            return ()
        return self.calendar.breaks.get(day, ())


def _shifted(windows: Windows) -> DayPlan:
    return DayPlan(windows, Why.SHIFT if windows else Why.CLOSED_SHIFT)


def _widest(calendar: Calendar) -> Windows:
    yearly = (window for windows in calendar.yearly_shifts.values() for window in windows)
    return union([*(window for windows in calendar.weekly for window in windows), *yearly])
