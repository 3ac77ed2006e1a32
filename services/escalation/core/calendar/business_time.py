"""Business time: arithmetic with aware datetimes on one calendar.

Owns: the operations everybody uses, and their conventions: an exact fit ends at closing time
(backward: at opening), a zero duration moves to the nearest open instant, an end before the
start is no time, the closing instant is closed. Results are in the calendar's zone.
Never does: steps through days or minutes; every lookup is a bisection (see `timeline`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple

from services.escalation.core.calendar.business_days import BusinessDays
from services.escalation.core.calendar.days import Beyond, DayRules
from services.escalation.core.calendar.model import Calendar
from services.escalation.core.calendar.timeline import EndlessError, NeverOpenError, Timeline
from services.escalation.core.calendar.zone import (
    EPOCH,
    MICROSECOND,
    amount_us,
    from_us,
    local_to_instant,
    local_us,
    to_us,
)


class Edge(StrEnum):
    """What a transition turns the calendar into."""

    OPEN = "open"
    CLOSED = "closed"


class Transition(NamedTuple):
    """An instant at which the calendar opens or closes."""

    at: datetime
    becomes: Edge


class Period(NamedTuple):
    """Half-open stretch of open time."""

    start: datetime
    end: datetime


@lru_cache(maxsize=256)
def compile_calendar(calendar: Calendar, beyond: Beyond = Beyond.AS_WRITTEN) -> "BusinessTime":
    """The business time of a calendar; compiled once per digest."""
    return BusinessTime(calendar, beyond)


class BusinessTime:
    """Business time of one calendar.

    Instants are aware datetimes, durations `timedelta`. Unbounded in both directions; where no
    open time is left, `NeverOpenError` is raised.
    """

    def __init__(self, calendar: Calendar, beyond: Beyond = Beyond.AS_WRITTEN) -> None:
        self.calendar = calendar
        self.zone = calendar.zone
        self.rules = DayRules(calendar, beyond)
        self._line = Timeline(self.rules)
        self.days = BusinessDays(self._line, self.snap_forward, self.snap_backward)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The instant when `amount` of open time has passed since `start`."""
        us = amount_us(amount)
        if us > 0:
            return from_us(self._line.add(to_us(start), us), self.zone)
        return self.subtract(start, -amount) if us else self.snap_forward(start)

    def add_in_utc(self, start: datetime, amount: timedelta) -> datetime:
        """The same instant in UTC, for whoever shows it to nobody: at two thirds of the price."""
        us = amount_us(amount)
        if us > 0:
            return EPOCH + self._line.add(to_us(start), us) * MICROSECOND
        return self.add(start, amount).astimezone(UTC)

    def subtract(self, end: datetime, amount: timedelta) -> datetime:
        """The instant from which `amount` of open time passes until `end`."""
        us = amount_us(amount)
        if us > 0:
            return from_us(self._line.subtract(to_us(end), us), self.zone)
        return self.add(end, -amount) if us else self.snap_backward(end)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time in `[start, end)`; zero when `end` is before `start`."""
        return timedelta(microseconds=self._line.between(to_us(start), to_us(end)))

    def is_open(self, at: datetime) -> bool:
        """Whether the instant is open; the closing instant is not."""
        return self._line.is_open(to_us(at))

    def snap_forward(self, at: datetime) -> datetime:
        """The instant itself when open, or the next opening."""
        us = to_us(at)
        return from_us(us if self._line.is_open(us) else self._line.opening_after(us), self.zone)

    def snap_backward(self, at: datetime) -> datetime:
        """The instant itself when open or closing, or the last closing before."""
        us = to_us(at)
        touches = self._line.is_open(us) or self._line.is_open(us - 1)
        return from_us(us if touches else self._line.closing_before(us), self.zone)

    def next_transition(self, at: datetime, becomes: Edge | None = None) -> Transition | None:
        """The first opening or closing strictly after `at`; None when there is none."""
        us = to_us(at)
        edge = becomes or (Edge.CLOSED if self._line.is_open(us) else Edge.OPEN)
        find = self._line.opening_after if edge is Edge.OPEN else self._line.closing_after
        try:
            return Transition(from_us(find(us), self.zone), edge)
        except EndlessError:
            return None

    def previous_transition(self, at: datetime, becomes: Edge | None = None) -> Transition | None:
        """The last opening or closing strictly before `at`; None when there is none."""
        us = to_us(at)
        edge = becomes or (Edge.OPEN if self._line.is_open(us - 1) else Edge.CLOSED)
        find = self._line.opening_before if edge is Edge.OPEN else self._line.closing_before
        try:
            return Transition(from_us(find(us), self.zone), edge)
        except EndlessError:
            return None

    def current_period(self, at: datetime) -> Period | None:
        """The open period that contains the instant; `NeverClosedError` when it has no edge."""
        us = to_us(at)
        if not self._line.is_open(us):
            return None
        start, end = self._line.opening_before(us + 1), self._line.closing_after(us)
        return Period(from_us(start, self.zone), from_us(end, self.zone))

    def periods_after(self, start: datetime, until: datetime | None = None) -> Iterator[Period]:
        """Open periods from `start` on, the first and last one clipped; endless without `until`."""
        limit = None if until is None else to_us(until)
        at = to_us(start)
        while limit is None or at < limit:
            try:
                opened = at if self._line.is_open(at) else self._line.opening_after(at)
            except NeverOpenError:
                return
            if limit is not None and opened >= limit:
                return
            at = self._closing(opened, limit)
            yield Period(from_us(opened, self.zone), from_us(at, self.zone))

    def periods_before(self, end: datetime, since: datetime | None = None) -> Iterator[Period]:
        """Open periods back from `end`, latest first, clipped; endless without `since`."""
        limit = None if since is None else to_us(since)
        at = to_us(end)
        while limit is None or at > limit:
            try:
                closed = at if self._line.is_open(at - 1) else self._line.closing_before(at)
                at = self._line.opening_before(closed)
            except NeverOpenError:
                return
            if limit is not None and closed <= limit:
                return
            at = at if limit is None else max(at, limit)
            yield Period(from_us(at, self.zone), from_us(closed, self.zone))

    def _closing(self, opened: int, limit: int | None) -> int:
        if limit is not None and self._line.between(opened, limit) == limit - opened:
            return limit
        closing = self._line.closing_after(opened)
        return closing if limit is None else min(closing, limit)

    def local_to_instant(self, wall: datetime) -> datetime:
        """The instant of a naive wall time: skipped times move on by the gap, first of repeated."""
        return local_to_instant(wall, self.zone)

    @cached_property
    def known_until(self) -> datetime | None:
        """The end of the horizon's date; None when the calendar has no horizon."""
        horizon = self.calendar.horizon
        return from_us(local_us(horizon, 86_400, self.zone), self.zone) if horizon else None

    def is_provisional(self, at: datetime) -> bool:
        """Whether an instant lies beyond the horizon, where days may still be decreed."""
        return self._known_until_us is not None and to_us(at) > self._known_until_us

    @cached_property
    def _known_until_us(self) -> int | None:
        return to_us(self.known_until) if self.known_until is not None else None

    @property
    def optimistic(self) -> "BusinessTime":
        """The same calendar with every date beyond the horizon as wide as any: no later result."""
        return compile_calendar(self.calendar, Beyond.WIDEST) if self.calendar.horizon else self


def intersection(one: BusinessTime, other: BusinessTime, start: datetime) -> Iterator[Period]:
    """Periods from `start` on in which both are open, in the zone of `one`; may be endless."""
    ours, theirs = one.periods_after(start), other.periods_after(start)
    mine, yours = next(ours, None), next(theirs, None)
    while mine is not None and yours is not None:
        # Integers: Python compares datetimes of one zone by wall time, wrong in a repeated hour.
        begins = max(to_us(mine.start), to_us(yours.start))
        ends = min(to_us(mine.end), to_us(yours.end))
        if begins < ends:
            yield Period(from_us(begins, one.zone), from_us(ends, one.zone))
        if to_us(mine.end) == ends:
            mine = next(ours, None)
        else:
            yours = next(theirs, None)
