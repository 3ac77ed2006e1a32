"""Laying a budget of time out around pauses.

Owns: what counts (open hours or the clock on the wall), and the walk from pause to pause.
Never does: dates, packs or calendars' rules.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.escalation.core.calendar import BusinessTime
from services.escalation.core.clock.budget import Unit
from services.escalation.core.clock.model import Clock

Span = tuple[datetime, datetime | None]
"""A pause; without an end it is still going on."""


class Meter(Protocol):
    """What measures time: the calendar's open hours, or the clock on the wall."""

    def add(self, start: datetime, amount: timedelta, /) -> datetime: ...

    def between(self, start: datetime, end: datetime, /) -> timedelta: ...


class WallClock:
    """Every second counts."""

    def add(self, start: datetime, amount: timedelta, /) -> datetime:
        """Elapsed time, also over clock changes."""
        return start.astimezone(UTC) + amount

    def between(self, start: datetime, end: datetime, /) -> timedelta:
        """Elapsed time; zero when `end` is before `start`."""
        return max(end.astimezone(UTC) - start.astimezone(UTC), timedelta(0))


def meter_of(clock: Clock, time: BusinessTime) -> Meter:
    """What counts for this clock, and is given back when it pauses."""
    if clock.spec.budget.unit in (Unit.BUSINESS, Unit.BUSINESS_DAYS):
        return time
    return WallClock()


def pause_spans(clock: Clock, now: datetime | None) -> list[Span]:
    """Pauses from the start on, in order, overlaps joined, in UTC; an open one ends `now`."""
    spans: list[Span] = []
    if not clock.pauses:
        return spans
    for pause in sorted(clock.pauses, key=lambda pause: pause.start):
        ended = pause.ends or (max(now.astimezone(UTC), pause.start) if now else None)
        began = max(pause.start, clock.started_at)
        if ended is not None and ended <= began:
            continue
        last = spans[-1] if spans else None
        if last and (last[1] is None or began <= last[1]):
            spans[-1] = (last[0], _later(last[1], ended))
        else:
            spans.append((began, ended))
    return spans


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return None if one is None or other is None else max(one, other)


def lay_out(
    meter: Meter, start: datetime, left: timedelta, spans: Sequence[Span]
) -> datetime | None:
    """Walks from pause to pause until the budget fits before the next one."""
    at = start
    for began, ended in spans:
        runs = meter.between(at, began)
        if left <= runs:
            return meter.add(at, left)
        if ended is None:
            return None
        left, at = left - runs, ended
    return meter.add(at, left)


def given_back(meter: Meter, at: datetime, spans: Sequence[Span]) -> datetime | None:
    """Moves a counted date by every pause that begins before it."""
    for began, ended in spans:
        if began >= at:
            break
        if ended is None:
            return None
        inside = meter.between(began, ended)
        at = meter.add(at, inside) if inside else at
    return at
