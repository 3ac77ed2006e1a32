"""How far a clock has come.

Owns: remaining and elapsed time, percentages and the instants of thresholds. All derived.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from services.escalation.core.calendar import BusinessTime
from services.escalation.core.clock.due import due
from services.escalation.core.clock.ledger import ended_pauses
from services.escalation.core.clock.meter import Meter, lay_out, meter_of, pause_spans
from services.escalation.core.clock.model import Clock, to_utc


def remaining(clock: Clock, time: BusinessTime, now: datetime) -> timedelta:
    """Time left until due, negative when overdue; it stands still while paused or stopped."""
    at = min(now, clock.stopped_at) if clock.stopped_at else now
    running = _as_if_resumed(clock, at)
    return time_left(meter_of(clock, time), at, due(running, time).at or at)


def time_left(meter: Meter, now: datetime, due_at: datetime) -> timedelta:
    """What counts from `now` to a due instant; negative when it is past."""
    return meter.between(now, due_at) - meter.between(due_at, now)


def _as_if_resumed(clock: Clock, at: datetime) -> Clock:
    return replace(clock, pauses=ended_pauses(clock.pauses, at))


def _meter_between(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> timedelta:
    return meter_of(clock, time).between(start, end)


def elapsed_time(clock: Clock, time: BusinessTime, now: datetime) -> timedelta:
    """Time that has counted so far, pauses left out."""
    at = min(now, clock.stopped_at) if clock.stopped_at else now
    return clock.consumed + active(clock, time, clock.started_at, at)


def active(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> timedelta:
    """Time that counts in `[start, end)`: open, and not paused."""
    return _meter_between(clock, time, start, end) - paused(clock, time, start, end)


def paused(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> timedelta:
    """Time inside pauses in `[start, end)` that would have counted."""
    total = timedelta(0)
    for began, ended in pause_spans(clock, end):
        total += _meter_between(clock, time, max(began, start), min(ended or end, end))
    return total


def percent_elapsed(clock: Clock, time: BusinessTime, now: datetime) -> float:
    """How much of the budget is used, from 0 to 100."""
    budget = _span_time(_as_if_resumed(clock, now), time)
    used = elapsed_time(clock, time, now)
    return min(100.0, 100 * (used / budget)) if budget > timedelta(0) else 100.0


def thresholds(clock: Clock, time: BusinessTime) -> tuple[tuple[int, datetime], ...]:
    """The instants at which the budget is used up to each of the clock's percentages.

    Those that a pause without an end still holds back are left out.
    """
    crossings = ((percent, _share(clock, time, percent)) for percent in clock.spec.thresholds)
    return tuple((percent, at) for percent, at in crossings if at is not None)


def _share(clock: Clock, time: BusinessTime, percent: int) -> datetime | None:
    if not clock.spec.budget.is_time and due(clock, time).at is None:
        return None
    share = _span_time(clock, time) * percent / 100
    left = max(share - clock.consumed, timedelta(0))
    at = lay_out(meter_of(clock, time), clock.started_at, left, pause_spans(clock, None))
    return at and to_utc(at)


def _span_time(clock: Clock, time: BusinessTime) -> timedelta:
    """The budget as time: for clocks that count dates, what counts between start and due."""
    if clock.budget.is_time:
        return clock.budget.time
    due_at = due(clock, time).at
    return active(clock, time, clock.started_at, due_at) if due_at else timedelta(0)
