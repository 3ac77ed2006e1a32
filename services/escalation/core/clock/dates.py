"""Counting a deadline in dates, and ending it on its last one.

Owns: days, weeks, months (the start's own local date is day 0), end of day, close of business,
roll. Never does: pauses.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import assert_never

from services.escalation.core.calendar import BusinessTime, Roll
from services.escalation.core.clock.budget import Budget, Unit
from services.escalation.core.clock.meter import WallClock
from services.escalation.core.clock.model import ClockSpec, EndRule, to_utc


def counted(start: datetime, budget: Budget, time: BusinessTime) -> datetime:
    """The same wall time as many dates later; the start's own date is day 0."""
    count = budget.count
    if budget.unit is Unit.BUSINESS_DAYS:
        return time.days.add(start, count)
    day = start.astimezone(time.zone).date()
    if budget.unit is Unit.MONTHS:
        return time.days.at_wall_time(start, months_after(day, count))
    days = timedelta(days=count * (7 if budget.unit is Unit.WEEKS else 1))
    return time.days.at_wall_time(start, day + days)


def months_after(day: date, count: int) -> date:
    """The corresponding date, or the month's last where there is none."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def ended(end: EndRule, at: datetime, time: BusinessTime) -> datetime:
    """The instant at which a clock ends whose budget is used up at `at`."""
    if end is EndRule.SAME_TIME:
        return at
    day = at.astimezone(time.zone).date()
    if end is EndRule.END_OF_DAY:
        return time.days.end_of_day(day)
    if end is EndRule.CLOSE_OF_BUSINESS:
        return time.days.close_of_business(day)
    assert_never(end)


def rolled(spec: ClockSpec, time: BusinessTime, strict: datetime) -> datetime:
    """Rolls the date of the last counted instant, then ends it by the same rule."""
    if spec.roll is Roll.NONE:
        return strict
    last = strict.astimezone(UTC) - timedelta(microseconds=1)
    local = (strict if spec.end is EndRule.SAME_TIME else last).astimezone(time.zone)
    day = time.days.roll(local.date(), spec.roll)
    if day == local.date():
        return strict
    return ended(spec.end, time.days.at_wall_time(local, day), time)


def offset_from(at: datetime, by: Budget, time: BusinessTime) -> datetime:
    """The instant a signed budget away, in UTC, as a rung that fires before or after one."""
    if by.unit is Unit.BUSINESS:
        return time.add_in_utc(at, by.time)
    if by.unit is Unit.ELAPSED:
        return WallClock().add(at, by.time)
    return to_utc(counted(at, by, time))
