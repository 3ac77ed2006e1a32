"""When a clock is due: its budget laid out on its calendar, pauses left out.

Owns: due instants, derived and never stored (design rule 6). A pause gives back the time inside
it; the closed span before a reopen is a pause. Results are in the calendar's zone.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.escalation.core.calendar import BusinessTime, Roll
from services.escalation.core.clock.dates import counted, ended, rolled
from services.escalation.core.clock.meter import (
    Span,
    given_back,
    lay_out,
    meter_of,
    pause_spans,
)
from services.escalation.core.clock.model import Clock, EndRule

ONE_DAY: Final = timedelta(days=1)


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
    known_until = time.known_until
    if known_until is None or max(at, strict) <= known_until:
        return Due(at, strict, provisional=False, earliest=None)
    return Due(at, strict, provisional=True, earliest=_earliest(clock, time, spans, known_until))


def next_due(instants: Iterable[datetime | None]) -> datetime | None:
    """The least of the due instants that are set."""
    return min((at for at in instants if at is not None), default=None)


def _last_instant(clock: Clock, time: BusinessTime, spans: Sequence[Span]) -> datetime | None:
    """Where the budget ends before the end rule; None while a pause without an end holds it."""
    start = clock.started_at.astimezone(time.zone)
    budget, meter = clock.budget, meter_of(clock, time)
    if budget.is_time:
        return lay_out(meter, start, max(budget.time - clock.consumed, timedelta(0)), spans)
    return given_back(meter, counted(start, budget, time), spans)


def _earliest(
    clock: Clock, time: BusinessTime, spans: Sequence[Span], known_until: datetime
) -> datetime | None:
    """A bound that holds whatever is decreed, within any weekday's hours, after the horizon."""
    spec, widest = clock.spec, time.optimistic
    if not spec.budget.is_time:
        # What a pause gives back beyond the horizon may turn out to be nothing.
        spans = [
            (began, min(end, known_until))
            for began, end in spans
            if end is not None and began < known_until
        ]
    last = _last_instant(clock, widest, spans)
    if last is None:
        return None
    if spec.roll is Roll.PRECEDING:
        # Any number of closed dates may be decreed, down to the last one that is known to open.
        day = time.days.roll(known_until.date() - ONE_DAY, Roll.PRECEDING)
        last = min(last, time.days.at_wall_time(last, day))
    # A decreed short day may close at any hour of it.
    close = spec.end is EndRule.CLOSE_OF_BUSINESS
    return time.days.start_of_day(last.date()) if close else ended(spec.end, last, widest)
