"""The date of one clock: its way, restarts, and the stretches in which it stands still.

Owns: which trigger, restart and suspension count. Never decides whether the clock exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from schemas.regime import Restart, SourceStatus, StatutoryClock, Suspension, Way
from services.escalation.core.calendar import BusinessTime
from services.escalation.core.statutes.counting import in_words, left_out, named, stepped
from services.escalation.core.statutes.story import Story


@dataclass(frozen=True, slots=True)
class Run:
    """A clock's day 0 and last date; `held`: it stands still, and the date would be the last."""

    way: Way
    since: date
    last: date
    because: tuple[str, ...]
    held: bool = False
    rests_on: tuple[SourceStatus, ...] = ()
    """How the parts of the rule that counted were checked, where they say so."""

    def moved(self, last: date, why: str, *, held: bool = False) -> Run:
        """The same run with another last date."""
        line = f"{why}: {named(last)}"
        return replace(self, last=last, because=(*self.because, line), held=held)

    def resting(self, status: SourceStatus | None) -> Run:
        """The same run, for which a part that was checked so counted too."""
        return replace(self, rests_on=(*self.rests_on, *_given(status)))


def runs_of(clock: StatutoryClock, ways: list[Way], story: Story, time: BusinessTime) -> list[Run]:
    """The run of each way whose trigger has happened."""
    found = []
    for way in ways:
        trigger = story.first_known(way.since)
        if trigger is not None:
            begun = _begun(way, *trigger, time)
            found.append(_restarted(begun, clock, story, time))
    return found


def chosen(clock: StatutoryClock, runs: list[Run]) -> Run | None:
    """The run that counts."""
    if not runs:
        return None
    if clock.choose == "earliest":
        return min(runs, key=lambda run: run.last)
    return max(runs, key=lambda run: run.last) if clock.choose == "latest" else runs[0]


def suspended(
    run: Run, rule: Suspension, limit: date | None, story: Story, time: BusinessTime
) -> Run:
    """A run from which what lies between the two acts is left out, within its limit."""
    unit = run.way.count[0].unit if run.way.count else "calendar_days"
    for stopped, resumed in _stretches(rule, story):
        if not story.received_at <= stopped < time.days.end_of_day(run.last):
            continue
        run = run.resting(rule.source_status)
        if resumed is None:
            return _still_held(run, stopped, limit, story)
        began = max(story.local_date(stopped), run.since)
        ended = max(story.local_date(resumed), run.since)
        last = left_out(run.last, began, ended, unit, time)
        run = run.moved(last, f"not counted from {named(began)} to {named(ended)}")
    if limit is not None and limit < run.last:
        run = run.moved(limit, f"never beyond {rule.at_most}")
    return run


def _still_held(run: Run, stopped: datetime, limit: date | None, story: Story) -> Run:
    why = f"stands still since {named(story.local_date(stopped))}"
    if limit is None:
        return run.moved(run.last, f"{why}, without it", held=True)
    return run.moved(max(limit, run.last), f"{why}, at most until")


def _given(status: SourceStatus | None) -> tuple[SourceStatus, ...]:
    return () if status is None else (status,)


def _begun(way: Way, trigger: str, since: date, time: BusinessTime) -> Run:
    last = stepped(since, way.count, time)
    because = (f"{named(since)} is day 0: {trigger}", f"{in_words(way.count)}: {named(last)}")
    return Run(way, since, last, because, rests_on=_given(way.source_status))


def _restarted(run: Run, clock: StatutoryClock, story: Story, time: BusinessTime) -> Run:
    found = ((at, rule) for rule in clock.restarts for at in story.times(rule.act))
    acts = sorted(found, key=lambda act: act[0])
    for at, rule in acts:
        since = story.local_date(at)
        if since >= run.since and _counts(rule, at, run, story, time):
            again = _begun(run.way, rule.act, since, time)
            told = (*run.because, "counted anew", *again.because)
            run = replace(again, because=told).resting(rule.source_status)
    return run


def _counts(rule: Restart, at: datetime, run: Run, story: Story, time: BusinessTime) -> bool:
    """A clock that has run out is not revived, unless what restarts it was asked for before."""
    end = time.days.end_of_day(run.last)
    asked = [ask for ask in story.times(rule.asked_by) if ask <= at] if rule.asked_by else [at]
    return at < end or not asked or asked[-1] < end


def _stretches(rule: Suspension, story: Story) -> Iterator[tuple[datetime, datetime | None]]:
    """Each stop with the first resumption after it; a stop within a stretch adds nothing."""
    resumptions = story.times(rule.resumed_by)
    until: datetime | None = None
    for stopped in story.times(rule.stopped_by):
        if until is not None and stopped < until:
            continue
        resumed = next((at for at in resumptions if at >= stopped), None)
        yield stopped, resumed
        if resumed is None:
            return
        until = resumed
