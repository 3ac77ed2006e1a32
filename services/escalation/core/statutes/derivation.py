"""Derives every clock of a regime for one complaint.

Owns: whether a clock exists, falls to another or waits, and the order in which clocks lean on each
other (`schemas/regime_checks` refuses circles). Pure: regime, story and calendar in, findings out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from schemas.regime import Regime, Role, SourceStatus, StatutoryClock, weakest
from services.escalation.core.calendar import BusinessTime, Roll
from services.escalation.core.statutes.counting import named
from services.escalation.core.statutes.finding import Finding, Status
from services.escalation.core.statutes.running import Run, chosen, runs_of, suspended
from services.escalation.core.statutes.story import Story
from services.escalation.core.statutes.truth import Judge, Truth


def derive(regime: Regime, story: Story, time: BusinessTime) -> dict[str, Finding]:
    """Each clock by name. `time` is the calendar by whose days the regime is counted."""
    derivation = _Derivation(regime, story, time)
    return {clock.name: derivation.finding(clock.name) for clock in regime.clocks}


@dataclass(frozen=True, slots=True)
class _Derivation:
    regime: Regime
    story: Story
    time: BusinessTime
    found: dict[str, Finding] = field(default_factory=dict)

    def finding(self, name: str) -> Finding:
        if name not in self.found:
            clock = self.regime.clock(name)
            self.found[name] = _of(clock, self)
        return self.found[name]

    @property
    def judge(self) -> Judge:
        return Judge(self.story, self.finding)


def _of(clock: StatutoryClock, all_of: _Derivation) -> Finding:
    if clock.role is Role.FACT:
        return _verdict(clock, all_of)
    if clock.role is Role.VALUE:
        return _amount(clock, all_of)
    return _dated(clock, all_of)


def _verdict(clock: StatutoryClock, all_of: _Derivation) -> Finding:
    settled = all_of.story.as_of is None
    truth = all_of.judge.truth(clock.holds, settled=settled)
    value = clock.meanwhile if truth is Truth.OPEN else truth is Truth.YES
    said = {True: "so it is", False: "so it is not", None: "not known yet"}[value]
    return Finding(clock, Status.APPLIES, (said,), value=value)


def _amount(clock: StatutoryClock, all_of: _Derivation) -> Finding:
    rule = clock.compensation
    if rule is None:  # the checks of a regime refuse it
        return Finding(clock, Status.WAITING, ("nothing says how much",))
    last = all_of.finding(rule.after).strict
    until = all_of.story.date_of(rule.until)
    if until is None and all_of.story.as_of is not None:
        until = all_of.story.local_date(all_of.story.as_of)
    if last is None or until is None:
        return Finding(clock, Status.WAITING, (f"neither done nor late: {rule.until}",))
    days = max((until - last).days, 0)
    because = (
        f"{days} days from {named(last)} to {named(until)}, {rule.amount} {rule.currency} each"
    )
    return Finding(clock, Status.APPLIES, (because,), since=last, value=days * rule.amount)


def _dated(clock: StatutoryClock, all_of: _Derivation) -> Finding:
    judge, story, time = all_of.judge, all_of.story, all_of.time
    ways = [way for way in clock.ways if judge.truth(way.when, settled=True) is Truth.YES]
    run = chosen(clock, runs_of(clock, ways, story, time))
    if run is None:
        awaited = sorted({name for way in clock.ways for name in way.since})
        return Finding(clock, Status.WAITING, (f"not known yet: {' or '.join(awaited)}",))
    for rule in clock.suspensions:
        limit = all_of.finding(rule.at_most).strict if rule.at_most else None
        run = suspended(run, rule, limit, story, time)
    return _existing(clock, run, all_of)


def _existing(clock: StatutoryClock, run: Run, all_of: _Derivation) -> Finding:
    """The date of a run, or that of the clock to which this one falls."""
    truth = all_of.judge.truth(clock.only_if, settled=False)
    if truth is Truth.NO and clock.falls_to is not None:
        inner = all_of.finding(clock.falls_to)
        why = f"what it needs was not done in time: falls to {clock.falls_to}"
        because = (*run.because, why, *inner.because)
        told = replace(inner, rule=clock, status=Status.COLLAPSED, because=because)
        return replace(told, source_status=weakest((inner.checked, *run.rests_on)))
    status = {Truth.YES: Status.APPLIES, Truth.OPEN: Status.POSSIBLE}.get(truth)
    if run.held:
        held = Finding(clock, Status.HELD, run.because, since=run.since)
        return replace(held, source_status=_weakest_of(run))
    return _ended(clock, run, status or Status.NOT_REQUIRED, all_of.time)


def _ended(clock: StatutoryClock, run: Run, status: Status, time: BusinessTime) -> Finding:
    rolled = time.days.roll(run.last, Roll.FOLLOWING) if clock.rolled_as else run.last
    target = time.days.roll(run.last, Roll.PRECEDING) if clock.target_as else None
    because = run.because
    if rolled != run.last:
        because = (*because, f"work to it; a roll to the next working day gives {named(rolled)}")
    ends_at = _end(clock, run.last, time)
    return Finding(
        rule=clock,
        status=status,
        because=because,
        since=run.since,
        strict=run.last,
        rolled=rolled,
        target=target,
        ends_at=ends_at,
        rolled_ends_at=_end(clock, rolled, time),
        source_status=_weakest_of(run),
        provisional=time.is_provisional(ends_at),
    )


def _weakest_of(run: Run) -> SourceStatus | None:
    return weakest(run.rests_on) if run.rests_on else None


def _end(clock: StatutoryClock, day: date, time: BusinessTime) -> datetime:
    closing = clock.end == "close_of_business"
    end = time.days.close_of_business(day) if closing else time.days.end_of_day(day)
    return end.astimezone(UTC)
