"""The arithmetic behind a due instant, step by step.

Owns: the steps from a clock's start to its due instant (or to where it stopped), each with what
it counted and why. Never does: decide; the same clock and calendar give the same steps.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from services.escalation.core.calendar import BusinessTime, named, segments
from services.escalation.core.clock.budget import Budget, Unit, format_duration
from services.escalation.core.clock.due import due
from services.escalation.core.clock.measure import paused
from services.escalation.core.clock.meter import meter_of, pause_spans
from services.escalation.core.clock.model import Clock, open_pause


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

    Every step lies wholly inside or outside a pause. Empty when nothing has happened yet.
    """
    start = clock.started_at.astimezone(time.zone)
    end = due(clock, time).at or now or clock.pauses[-1].start
    if not clock.spec.budget.is_time:
        return tuple(_date_steps(clock, time, start, end))
    steps: list[Step] = []
    for began, ended in _pieces(clock, start, end):
        steps += _time_steps(clock, time, began, ended)
    return tuple(steps)


def _pieces(clock: Clock, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The span cut at the edges of pauses."""
    at = start
    for began, ended in pause_spans(clock, end):
        for edge in (began, ended or end):
            if at < edge <= end:
                yield at, edge.astimezone(start.tzinfo)
                at = edge.astimezone(start.tzinfo)
    if at < end:
        yield at, end


def _time_steps(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> Iterator[Step]:
    pause = open_pause(clock, start)
    if pause:
        yield Step(start, end, "PT0S", f"paused: {pause.reason}")
    elif clock.spec.budget.unit is Unit.ELAPSED:
        counted = meter_of(clock, time).between(start, end)
        yield Step(start, end, format_duration(counted), "around the clock")
    else:
        for segment in segments(time, start, end):
            yield Step(segment.start, segment.end, format_duration(segment.counted), segment.why)


def _date_steps(clock: Clock, time: BusinessTime, start: datetime, end: datetime) -> Iterator[Step]:
    budget = clock.budget
    day_0_ends = time.days.end_of_day(start.date())
    yield Step(start, min(day_0_ends, end), "P0D", "day 0: the local date of the start")
    if budget.unit is Unit.BUSINESS_DAYS:
        yield from _business_day_steps(time, budget, day_0_ends, end)
    elif day_0_ends < end:
        yield Step(day_0_ends, end, budget.to_text(), f"{budget.unit.value.replace('_', ' ')}")
    given_back = paused(clock, time, start, end)
    if given_back:
        amount = format_duration(given_back)
        yield Step(end, end, "P0D", f"given back for pauses: {amount}")


def _business_day_steps(
    time: BusinessTime, budget: Budget, start: datetime, end: datetime
) -> Iterator[Step]:
    day, counted, left = start.astimezone(time.zone).date(), 0, budget.count
    while time.days.start_of_day(day) < end:
        counts = counted < left and time.days.is_business_day(day)
        counted += counts
        yield Step(
            time.days.start_of_day(day),
            min(time.days.end_of_day(day), end),
            "P1D" if counts else "P0D",
            f"business day {counted}" if counts else _closed_why(time, day),
        )
        day += timedelta(days=1)


def _closed_why(time: BusinessTime, day: date) -> str:
    if time.days.is_business_day(day):
        return "after the last counted day"
    return named(time.rules.plan(day).why, day)
