"""The arithmetic behind a due instant, step by step.

Owns: the steps from a clock's start to its due instant (or to where it stopped), each with what
it counted and why. Never does: decide; the same clock and calendar give the same steps.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from services.escalation.core.calendar import BusinessTime, Roll, named, segments
from services.escalation.core.clock.budget import Budget, Unit, format_duration
from services.escalation.core.clock.due import due
from services.escalation.core.clock.measure import paused
from services.escalation.core.clock.meter import meter_of, pause_spans
from services.escalation.core.clock.model import Clock, EndRule, open_pause, to_utc

ONE_DAY: Final = timedelta(days=1)


class Step(NamedTuple):
    """A stretch of the way to the due instant."""

    start: datetime
    end: datetime
    counted: str
    """ISO 8601: "PT5H" of a budget of time, "P1D" of one of dates."""
    why: str

    def to_json(self) -> dict[str, str]:
        """As `GET .../explain` shows it."""
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "counted": self.counted,
            "why": self.why,
        }


def explain(clock: Clock, time: BusinessTime, now: datetime | None = None) -> tuple[Step, ...]:
    """Steps without holes from start to due, or to `now` while a pause holds the clock.

    Every step lies wholly inside or outside a pause; instants are in the calendar's zone.
    """
    end = due(clock, time).at or now or clock.pauses[-1].start
    if not clock.spec.budget.is_time:
        return tuple(_date_steps(clock, time, to_utc(end)))
    used_up = due(_without_end_rule(clock), time).at or end
    steps: list[Step] = []
    for began, ended in _pieces(clock, min(to_utc(end), used_up)):
        steps += _time_steps(clock, time, began, ended)
    if used_up < end:
        why = f"{clock.spec.end.value}, roll {clock.spec.roll.value}".replace("_", " ")
        steps.append(_step(time, (used_up, end), "PT0S", why))
    return tuple(steps)


def _without_end_rule(clock: Clock) -> Clock:
    return replace(clock, spec=replace(clock.spec, end=EndRule.SAME_TIME, roll=Roll.NONE))


def _pieces(clock: Clock, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The way to `end` cut at the edges of pauses; all in UTC."""
    at = clock.started_at
    for began, ended in pause_spans(clock, end):
        for edge in (began, ended or end):
            if at < edge <= end:
                yield at, edge
                at = edge
    if at < end:
        yield at, end


def _step(time: BusinessTime, span: tuple[datetime, datetime], counted: str, why: str) -> Step:
    start, end = (at.astimezone(time.zone) for at in span)
    return Step(start, end, counted, why)


def _time_steps(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> Iterator[Step]:
    pause = open_pause(clock, start)
    if pause:
        yield _step(time, (start, end), "PT0S", f"paused: {pause.reason}")
    elif clock.spec.budget.unit is Unit.ELAPSED:
        counted = format_duration(meter_of(clock, time).between(start, end))
        yield _step(time, (start, end), counted, "around the clock")
    else:
        for segment in segments(time, start, end):
            yield Step(segment.start, segment.end, format_duration(segment.counted), segment.why)


def _date_steps(clock: Clock, time: BusinessTime, end: datetime) -> Iterator[Step]:
    start, budget = clock.started_at, clock.budget
    day_0 = start.astimezone(time.zone).date()
    day_0_ends = to_utc(time.days.end_of_day(day_0))
    yield _step(time, (start, min(day_0_ends, end)), "P0D", "day 0: the local date of the start")
    if budget.unit is Unit.BUSINESS_DAYS:
        yield from _business_day_steps(time, budget, day_0 + ONE_DAY, end)
    elif day_0_ends < end:
        why = budget.unit.value.replace("_", " ")
        yield _step(time, (day_0_ends, end), budget.to_text(), why)
    given_back = paused(clock, time, start, end)
    if given_back:
        amount = format_duration(given_back)
        yield _step(time, (end, end), "P0D", f"given back for pauses: {amount}")


def _business_day_steps(
    time: BusinessTime, budget: Budget, day: date, end: datetime
) -> Iterator[Step]:
    counted = 0
    while (begins := to_utc(time.days.start_of_day(day))) < end:
        counts = counted < budget.count and time.days.is_business_day(day)
        counted += counts
        span = (begins, min(to_utc(time.days.end_of_day(day)), end))
        why = f"business day {counted}" if counts else _closed_why(time, day)
        yield _step(time, span, "P1D" if counts else "P0D", why)
        day += ONE_DAY


def _closed_why(time: BusinessTime, day: date) -> str:
    if time.days.is_business_day(day):
        return "after the last counted day"
    return named(time.rules.plan(day).why, day)
