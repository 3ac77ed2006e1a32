"""The arithmetic of business time, spelled out stretch by stretch.

Owns: cutting a span at every opening, closing, midnight of an exceptional date and break, and
saying why each stretch counts or does not. Never does: pauses (see the clock).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from services.escalation.core.calendar.business_time import BusinessTime
from services.escalation.core.calendar.days import ONE_DAY, Why
from services.escalation.core.calendar.window import DAY_S, Window
from services.escalation.core.calendar.zone import from_us, local_us, to_us


class Segment(NamedTuple):
    """A stretch of one kind; `counted` is how much of it is open time."""

    start: datetime
    end: datetime
    counted: timedelta
    why: str
    """A `Why`, for exceptional dates followed by the date, as in "closed: holiday 2026-10-01"."""


_NAMELESS = frozenset({Why.OPEN_HOURS, Why.OUTSIDE_HOURS, Why.BREAK, Why.BEYOND_HORIZON})


def segments(time: BusinessTime, start: datetime, end: datetime) -> tuple[Segment, ...]:
    """The span `[start, end)` without holes; neighbours of the same kind are one segment."""
    merged: list[Segment] = []
    for piece in _pieces(time, start, end):
        if merged and merged[-1].why == piece.why:
            last = merged.pop()
            merged.append(Segment(last.start, piece.end, last.counted + piece.counted, piece.why))
        else:
            merged.append(piece)
    return tuple(merged)


def _pieces(time: BusinessTime, start: datetime, end: datetime) -> Iterator[Segment]:
    cuts = {to_us(start), to_us(end)}
    for period in time.periods_after(start, end):
        cuts |= {to_us(period.start), to_us(period.end)}
    cuts |= set(_day_edges(time, start, end))
    inside = sorted(cut for cut in cuts if to_us(start) <= cut <= to_us(end))
    for first, last in pairwise(inside):
        begins, ends = from_us(first, time.zone), from_us(last, time.zone)
        yield Segment(begins, ends, time.between(begins, ends), _why(time, begins))


def _day_edges(time: BusinessTime, start: datetime, end: datetime) -> Iterator[int]:
    """Midnights, and edges of surges and breaks: where the reason changes, maybe not the state."""
    day = start.astimezone(time.zone).date()
    while day <= end.astimezone(time.zone).date():
        yield local_us(day, 0, time.zone)
        calendar = time.calendar
        for window in (*calendar.breaks.get(day, ()), *calendar.surges.get(day, ())):
            yield local_us(day, window.opens_s, time.zone)
            yield local_us(day, window.closes_s, time.zone)
        if day in calendar.surges:
            for window in time.rules.plan(day).windows:
                yield local_us(day, window.opens_s, time.zone)
                yield local_us(day, window.closes_s, time.zone)
        day += ONE_DAY


def _why(time: BusinessTime, at: datetime) -> str:
    today = at.date()
    yesterday = today - ONE_DAY
    if time.is_open(at):
        day = today if _within(time, today, at) else yesterday
        return named(_open_why(time, day, at), day)
    if any(_contains(time, today, cut, at) for cut in time.calendar.breaks.get(today, ())):
        return Why.BREAK
    plan = time.rules.plan(today)
    closed = plan.why in (Why.HOLIDAY, Why.CLOSED_SHIFT)
    return named(plan.why if closed else Why.OUTSIDE_HOURS, today)


def _open_why(time: BusinessTime, day: date, at: datetime) -> Why:
    plan = time.rules.plan(day)
    by_plan = any(_contains(time, day, window, at) for window in plan.windows)
    return plan.why if by_plan else Why.SURGE


def _within(time: BusinessTime, day: date, at: datetime) -> bool:
    return any(_contains(time, day, window, at) for window in time.rules.open_windows(day))


def _contains(time: BusinessTime, day: date, window: Window, at: datetime) -> bool:
    us = to_us(at)
    opens = local_us(day, window.opens_s, time.zone)
    return opens <= us < local_us(day, min(window.closes_s, 2 * DAY_S), time.zone)


def named(why: Why, day: date) -> str:
    """The reason in words, with the date where the reason is a rule for that date."""
    return why.value if why in _NAMELESS else f"{why.value} {day.isoformat()}"
