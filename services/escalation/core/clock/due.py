"""When a clock is due: its budget laid out on its calendar, pauses left out.

Owns: due instants, derived and never stored (design rule 6). A pause gives back the time inside
it; the closed span before a reopen is a pause. Results are in UTC, safe to compare.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.escalation.core.calendar import BusinessTime, Roll
from services.escalation.core.clock.dates import counted, ended, rolled
from services.escalation.core.clock.meter import (
    Span,
    given_back,
    lay_out,
    meter_of,
    pause_spans,
)
from services.escalation.core.clock.model import Clock, EndRule, to_utc


class Due(NamedTuple):
    """When a clock runs out, as far as is known."""

    at: datetime | None
    """None while a pause without an end holds it."""
    strict: datetime | None
    """The same before rolling; on ambiguity this is the one to work to."""
    provisional: bool
    """It lies beyond the calendar's horizon and may still move."""
    earliest: datetime | None
    """No decree about dates beyond the horizon can make it due before this instant."""


class WrongCalendarError(ValueError):
    """The calendar handed in is not the one the clock is pinned to."""


def due(clock: Clock, time: BusinessTime, now: datetime | None = None) -> Due:
    """The due instant. `now` projects a pause without an end as if it ended now."""
    if time.calendar.digest != clock.calendar_digest:
        raise WrongCalendarError(
            f"{clock.spec.name} is pinned to {clock.calendar_digest}, not {time.calendar.digest}"
        )
    spans = pause_spans(clock, now)
    last = _last_instant(clock, time, spans)
    if last is None:
        return Due(None, None, provisional=False, earliest=None)
    strict = ended(clock.spec.end, last, time)
    at = rolled(clock.spec, time, strict)
    provisional = time.is_provisional(at) or (at is not strict and time.is_provisional(strict))
    earliest = _earliest(clock, time, spans) if provisional else None
    return Due(to_utc(at), to_utc(strict), provisional, earliest and to_utc(earliest))


def next_due(instants: Iterable[datetime | None]) -> datetime | None:
    """The least of the due instants that are set."""
    return min((at for at in instants if at is not None), default=None)


def _last_instant(clock: Clock, time: BusinessTime, spans: Sequence[Span]) -> datetime | None:
    """Where the budget ends before the end rule; None while a pause without an end holds it."""
    start, budget, meter = clock.started_at, clock.budget, meter_of(clock, time)
    if budget.is_time:
        return lay_out(meter, start, max(budget.time - clock.consumed, timedelta(0)), spans)
    return given_back(meter, counted(start, budget, time), spans)


def _earliest(clock: Clock, time: BusinessTime, spans: Sequence[Span]) -> datetime | None:
    """A bound that holds whatever is decreed, within any weekday's hours, after the horizon."""
    spec, widest = clock.spec, time.optimistic
    if not spec.budget.is_time:
        spans = _before_horizon(spans, time)
    last = _last_instant(clock, widest, spans)
    if last is None:
        return None
    if spec.roll is Roll.PRECEDING:
        last = min(to_utc(last), to_utc(_last_known_day(last, time)))
    if spec.end is EndRule.CLOSE_OF_BUSINESS:
        # A decreed short day may close at any hour of it.
        return time.days.start_of_day(last.astimezone(time.zone).date())
    return ended(spec.end, last, widest)


def _before_horizon(spans: Sequence[Span], time: BusinessTime) -> list[Span]:
    """What a pause gives back beyond the horizon may turn out to be nothing."""
    known = [(began, end) for began, end in spans if end and not time.is_provisional(began)]
    limit = time.known_until
    return [(began, min(end, limit) if limit else end) for began, end in known]


def _last_known_day(at: datetime, time: BusinessTime) -> datetime:
    """The wall time of `at` on the last date known to open: all later ones may be closed."""
    horizon = time.calendar.horizon or at.astimezone(time.zone).date()
    return time.days.at_wall_time(at, time.days.roll(horizon, Roll.PRECEDING))
