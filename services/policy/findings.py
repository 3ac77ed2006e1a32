"""What is sound in a pack but will hurt: found before a case does.

Owns each check of one pack and its wording. A finding is worth a look, never a reason not to
load: mistakes are told by whoever reads the pack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from schemas.pack import LaneRule, Pack
from schemas.pack_checks import PackProblem, Place
from schemas.pack_clocks import Budget, ClockRule
from schemas.regime import Regime
from services.escalation.core.calendar import BusinessTime
from services.escalation.core.policy import Policy, instant_after


class Kind(StrEnum):
    """What kind of finding it is; the words are part of the JSON output."""

    UNREACHABLE_RUNG = "unreachable_rung"
    CLOCK_WITHOUT_OWNER = "clock_without_owner"
    INCIDENT_WITHOUT_END = "incident_without_end"
    OVERLAPPING_MATCHES = "overlapping_matches"
    UNREACHABLE_MATCH = "unreachable_match"
    UNUSED_CALENDAR = "unused_calendar"
    SHORT_HORIZON = "short_horizon"
    MISSING_TEXT = "missing_text"
    MISSING_TEMPLATE = "missing_template"
    RUNG_WITHOUT_GROUP = "rung_without_group"
    NO_EXAMPLES = "no_examples"
    EXAMPLE_BROKEN = "example_broken"


class Finding(NamedTuple):
    """Something found, at a place of the pack."""

    kind: Kind
    problem: PackProblem


def _finding(kind: Kind, place: Place, message: str) -> Finding:
    return Finding(kind, PackProblem(place, message))


def findings_of(policy: Policy, today: datetime, margin: timedelta) -> Iterator[Finding]:
    """Everything found in one pack alone."""
    yield from unreachable_rungs(policy.pack)
    yield from clocks_without_owner(policy)
    yield from incidents_without_end(policy.pack)
    yield from calendar_findings(policy, today, margin)


def unreachable_rungs(pack: Pack) -> Iterator[Finding]:
    """Rungs to which nothing leads by itself: only a person's command could take a case there."""
    ladder = pack.ladder
    following = {rung.name: rung.then for rung in ladder.rungs}
    reached: set[str] = set()
    for start in (ladder.entry, ladder.reopen_entry, *_led_to(pack)):
        at: str | None = start
        while at is not None and at not in reached:
            reached.add(at)
            at = following[at]
    for position, rung in enumerate(ladder.rungs):
        if rung.name not in reached:
            found = f"nothing leads to rung {rung.name}: name it in a rung's `then`, or take it out"
            yield _finding(Kind.UNREACHABLE_RUNG, ("ladder", "rungs", position), found)


def _led_to(pack: Pack) -> Iterator[str]:
    yield from pack.ladder.entry_by_severity.values()
    targets = [clock.on_breach.escalate_to for lane in pack.lanes.values() for clock in lane.clocks]
    for rule in pack.actions.values():
        targets += [rule.late_to, rule.refused_to]
    yield from (target for target in targets if target is not None)


def clocks_without_owner(policy: Policy) -> Iterator[Finding]:
    """Clocks whose running out nobody would notice."""
    for place, found in (*_clocks(policy), *_rungs(policy.pack), *_actions(policy.pack)):
        yield _finding(Kind.CLOCK_WITHOUT_OWNER, place, found)


def incidents_without_end(pack: Pack) -> Iterator[Finding]:
    """Clocks that an incident holds for as long as nobody thinks of it."""
    if pack.incident.max_silence is not None:
        return
    for lane, rule in pack.lanes.items():
        for position, clock in enumerate(rule.clocks):
            if "incident" in clock.pauses:
                found = f"an incident that says nothing holds {clock.name} without end: " + _ENDED
                place: Place = ("lanes", lane.value, "clocks", position, "pauses")
                yield _finding(Kind.INCIDENT_WITHOUT_END, place, found)


_ENDED: Final = "write `incident: {max_silence: {amount: PT8H, unit: business, calendar: NAME}}`"


def _clocks(policy: Policy) -> Iterator[tuple[Place, str]]:
    for lane, rule in policy.pack.lanes.items():
        for position, clock in enumerate(rule.clocks):
            found = _unowned(clock, policy)
            if found is not None:
                yield ("lanes", lane.value, "clocks", position), found


def _rungs(pack: Pack) -> Iterator[tuple[Place, str]]:
    for position, rung in enumerate(pack.ladder.rungs):
        for name in ("budget", "acknowledge_within"):
            if getattr(rung, name) is not None and rung.then is None:
                found = f"when {name} of {rung.name} is spent, nothing follows: give it a `then`"
                yield ("ladder", "rungs", position, name), found


def _actions(pack: Pack) -> Iterator[tuple[Place, str]]:
    for action, asked in pack.actions.items():
        if asked.late_to is None:
            found = f"when {action.value} comes late, nobody hears of it: give it `late_to`"
            yield ("actions", action.value, "answer_within"), found


def _unowned(clock: ClockRule, policy: Policy) -> str | None:
    target = clock.on_breach.escalate_to
    if target is None and not clock.on_breach.tell_customer:
        return (
            f"when {clock.name} runs out, nobody is told: give on_breach `escalate_to`, "
            "or `tell_customer: true`"
        )
    if target is not None and policy.height[target] == 0:
        return f"{clock.name} leads to {target}, the lowest rung, where nothing changes: go higher"
    return None


def calendar_findings(policy: Policy, today: datetime, margin: timedelta) -> Iterator[Finding]:
    """Calendars that nothing counts by, and those that end too soon for the clocks they carry."""
    used: dict[str, list[Budget]] = {}
    for budget in budgets_of(policy.pack):
        used.setdefault(budget.calendar, []).append(budget)
    for name, time in policy.calendars.items():
        place: Place = ("calendars", name)
        if name not in used:
            found = f"nothing counts by calendar {name}: take it out, or name it in a budget"
            yield _finding(Kind.UNUSED_CALENDAR, place, found)
            continue
        short = _too_short(policy, time, used[name], today, margin)
        if short is not None:
            yield _finding(Kind.SHORT_HORIZON, place, f"calendar {name} {short}")


def _too_short(
    policy: Policy, time: BusinessTime, budgets: list[Budget], today: datetime, margin: timedelta
) -> str | None:
    calendar = time.calendar
    if calendar.horizon is None:
        if calendar.holidays:
            return "has dated holidays and no horizon: say until when they are known, `horizon:`"
        return None
    last = max(instant_after(policy, budget, today) for budget in budgets) + margin
    ends = time.known_until
    if ends is None or last <= ends:
        return None
    wanted = last.date().isoformat()
    return (
        f"is known until {calendar.horizon.isoformat()}, the longest clock from today and "
        f"{margin.days} days more end on {wanted}: add the holidays up to then, and the horizon"
    )


def budgets_of(pack: Pack) -> Iterator[Budget]:
    """Every budget that a case may be given."""
    for lane in pack.lanes.values():
        yield from _budgets_of_lane(lane)
    for rung in pack.ladder.rungs:
        offered = rung.offer.expires_after if rung.offer else None
        given = (rung.budget, rung.acknowledge_within, rung.silent_after, offered)
        yield from (budget for budget in given if budget is not None)
    if pack.incident.max_silence is not None:
        yield pack.incident.max_silence
    for action in pack.actions.values():
        yield from (action.answer_within, action.expires_after)
    for regime in pack.regime_files.values():
        yield from _budgets_of_regime(regime)


def _budgets_of_regime(regime: Regime) -> Iterator[Budget]:
    for clock in regime.clocks:
        for step in (step for way in clock.ways for step in way.count):
            yield Budget(amount=step.amount, unit=step.unit, calendar=regime.calendar)


def _budgets_of_lane(lane: LaneRule) -> Iterator[Budget]:
    for clock in lane.clocks:
        yield clock.budget
        if clock.extension_max is not None:
            yield clock.extension_max
    yield from (*lane.rung_budgets.values(), *lane.acknowledge_within.values())


def texts_of(pack: Pack) -> Iterator[tuple[Place, Mapping[str, str]]]:
    """Every text of the pack that a person reads, with its place."""
    yield ("title",), pack.title
    for category, rule in pack.categories.items():
        yield ("categories", category.value, "title"), rule.title
        for position, fact in enumerate(rule.facts):
            yield ("categories", category.value, "facts", position, "why"), fact.why
    for position, rung in enumerate(pack.ladder.rungs):
        if rung.offer is not None:
            yield ("ladder", "rungs", position, "offer", "wording"), rung.offer.wording
    for group, given in pack.groups.items():
        yield ("groups", group, "title"), given.title
    for action, asked in pack.actions.items():
        if asked.title:
            yield ("actions", action.value, "title"), asked.title
