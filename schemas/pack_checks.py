"""What a well-formed pack may still get wrong: names that point nowhere, rungs that cannot work.

Owns these cross-checks and their wording (what is wrong, what to write instead). Pure; whoever
loads a pack turns the places into lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import available_timezones

from schemas.case_events import CASE_EVENTS
from schemas.conditions import InvalidConditionError, compile_condition
from schemas.pack import LaneRule, Pack, Rung
from schemas.pack_clocks import AGENT_SPOKE, CUSTOMER_SPOKE, Budget, ClockRule
from schemas.spelling import alternatives
from schemas.vocabulary import Category, Lane, RungReason, Side

Place = tuple[str | int, ...]
EVENTS = (AGENT_SPOKE, CUSTOMER_SPOKE, *(event.event_name for event in CASE_EVENTS))
DAY_UNITS = ("business_days", "calendar_days", "weeks", "months")


class PackProblem(NamedTuple):
    """One mistake: where it stands in the pack, and what to write instead."""

    place: Place
    message: str


def cross_check(pack: Pack) -> Iterator[PackProblem]:
    """Every mistake that the model alone cannot see, in the order of the file."""
    yield from _time_zone(pack.time_zone, ("time_zone",))
    yield from _calendars(pack)
    yield from _match(pack)
    yield from _lanes(pack)
    yield from _ladder(pack)
    yield from _actions(pack)
    if pack.incident.max_silence is not None:
        yield from _budget(pack, pack.incident.max_silence, ("incident", "max_silence"))
    for category in Category:
        if category not in pack.categories:
            yield PackProblem(("categories",), f"category {category.value} is missing: add it")


def _calendars(pack: Pack) -> Iterator[PackProblem]:
    for name, rule in pack.calendars.items():
        yield from _time_zone(rule.time_zone, ("calendars", name, "time_zone"))
        for position, used in enumerate(rule.uses):
            if used not in pack.holiday_files:
                found = f"there is no holiday file {used!r}: put it into calendars/{used}.yaml"
                yield PackProblem(("calendars", name, "uses", position), found)


def _time_zone(name: str, place: Place) -> Iterator[PackProblem]:
    zones = _zones()
    if name not in zones:
        near = alternatives(name, zones) or ": write an IANA name such as Asia/Shanghai"
        yield PackProblem(place, f"there is no time zone {name!r}{near}")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Read once: the list is a walk through some hundred files."""
    return frozenset(available_timezones())


def _match(pack: Pack) -> Iterator[PackProblem]:
    for position, rule in enumerate(pack.match):
        yield from condition_problems(rule.when, ("match", position, "when"))


def condition_problems(text: str, place: Place) -> Iterator[PackProblem]:
    """What is wrong in a condition that stands at a place of the pack."""
    try:
        compile_condition(text)
    except InvalidConditionError as error:
        for line, column, message in error.mistakes:
            at = f"line {line}, column {column}" if "\n" in text else f"column {column}"
            yield PackProblem(place, f"{message} ({at} of the condition)")


def _lanes(pack: Pack) -> Iterator[PackProblem]:
    rungs = [rung.name for rung in pack.ladder.rungs]
    for lane in Lane:
        if lane not in pack.lanes:
            yield PackProblem(("lanes",), f"lane {lane.value} is missing: give it its clocks")
    for lane, rule in pack.lanes.items():
        place: Place = ("lanes", lane.value)
        for position, clock in enumerate(rule.clocks):
            yield from _clock(pack, clock, (*place, "clocks", position), rungs)
            yield from _events(clock, (*place, "clocks", position))
        yield from _lane_budgets(pack, rule, place, rungs)
        for position, first in enumerate(rule.first_actions):
            if first.action not in pack.actions:
                found = _unknown("action", first.action, pack.actions)
                yield PackProblem((*place, "first_actions", position, "action"), found)


def _lane_budgets(
    pack: Pack, rule: LaneRule, place: Place, rungs: list[str]
) -> Iterator[PackProblem]:
    for part in ("rung_budgets", "acknowledge_within"):
        budgets: dict[str, Budget] = getattr(rule, part)
        for rung, budget in budgets.items():
            if rung not in rungs:
                yield PackProblem((*place, part, rung), _unknown("rung", rung, rungs))
            yield from _budget(pack, budget, (*place, part, rung))


def _clock(pack: Pack, clock: ClockRule, place: Place, rungs: list[str]) -> Iterator[PackProblem]:
    yield from _budget(pack, clock.budget, (*place, "budget"))
    most = clock.extension_max
    if most is not None:
        yield from _budget(pack, most, (*place, "extension_max"))
        if most.unit != clock.budget.unit:
            found = f"is in {most.unit}, the budget in {clock.budget.unit}: use the budget's unit"
            yield PackProblem((*place, "extension_max"), found)
    breach = clock.on_breach
    if breach.escalate_to is not None and breach.escalate_to not in rungs:
        found = _unknown("rung", breach.escalate_to, rungs)
        yield PackProblem((*place, "on_breach", "escalate_to"), found)
    reasons = [reason.value for reason in RungReason]
    if breach.reason not in reasons:
        found = _unknown("reason", breach.reason, reasons)
        yield PackProblem((*place, "on_breach", "reason"), found)
    if clock.kind == "statutory" and clock.citation is None:
        yield PackProblem(place, "a statutory clock needs its citation: name the law and section")


def _events(clock: ClockRule, place: Place) -> Iterator[PackProblem]:
    for part in ("starts_on", "stops_on", "restarts_on"):
        for event in getattr(clock, part):
            if event not in EVENTS:
                yield PackProblem((*place, part), _unknown("event", event, EVENTS))


def _ladder(pack: Pack) -> Iterator[PackProblem]:
    rungs = {rung.name: rung for rung in pack.ladder.rungs}
    for part in ("entry", "reopen_entry"):
        yield from _entry(getattr(pack.ladder, part), ("ladder", part), rungs)
    for severity, entry in pack.ladder.entry_by_severity.items():
        yield from _entry(entry, ("ladder", "entry_by_severity", severity.value), rungs)
    for position, rung in enumerate(pack.ladder.rungs):
        place: Place = ("ladder", "rungs", position)
        if rungs[rung.name] is not rung:
            yield PackProblem((*place, "name"), f"rung {rung.name} stands twice: rename one")
        yield from _rung(pack, rung, place, rungs)


def _entry(entry: str, place: Place, rungs: dict[str, Rung]) -> Iterator[PackProblem]:
    if entry not in rungs:
        yield PackProblem(place, _unknown("rung", entry, rungs))
    elif rungs[entry].side is Side.CUSTOMER:
        yield PackProblem(place, f"{entry} is only offered: enter on an operator rung")


def _rung(pack: Pack, rung: Rung, place: Place, rungs: dict[str, Rung]) -> Iterator[PackProblem]:
    if rung.then is not None and rung.then not in rungs:
        yield PackProblem((*place, "then"), _unknown("rung", rung.then, rungs))
    elif rung.then is not None and not _is_above(rung.then, rung.name, list(rungs)):
        found = f"{rung.then} is not above {rung.name}: name a later rung"
        yield PackProblem((*place, "then"), found)
    for group in (rung.group, *rung.group_by_category.values()):
        if group not in pack.groups:
            yield PackProblem((*place, "group"), _unknown("group", group, pack.groups))
    yield from _offer(pack, rung, place)
    if rung.side is Side.CUSTOMER and rung.assign is not None:
        found = "nobody is assigned while the move is the customer's: drop it"
        yield PackProblem((*place, "assign"), found)
    for name in ("budget", "acknowledge_within", "silent_after"):
        budget: Budget | None = getattr(rung, name)
        if budget is not None:
            yield from _budget(pack, budget, (*place, name))


def _offer(pack: Pack, rung: Rung, place: Place) -> Iterator[PackProblem]:
    if rung.side is Side.CUSTOMER and rung.offer is None:
        yield PackProblem(place, f"customer rung {rung.name} needs an offer: wording and expiry")
    if rung.offer is None:
        return
    if rung.side is Side.OPERATOR:
        yield PackProblem((*place, "offer"), "an operator rung is entered, not offered: drop it")
    yield from _budget(pack, rung.offer.expires_after, (*place, "offer", "expires_after"))


def _actions(pack: Pack) -> Iterator[PackProblem]:
    rungs = [rung.name for rung in pack.ladder.rungs]
    for name, rule in pack.actions.items():
        place: Place = ("actions", name.value)
        yield from _budget(pack, rule.answer_within, (*place, "answer_within"))
        yield from _budget(pack, rule.expires_after, (*place, "expires_after"))
        for part in ("late_to", "refused_to"):
            target: str | None = getattr(rule, part)
            if target is not None and target not in rungs:
                yield PackProblem((*place, part), _unknown("rung", target, rungs))


def _is_above(rung: str, other: str, ladder: list[str]) -> bool:
    return ladder.index(rung) > ladder.index(other)


def _budget(pack: Pack, budget: Budget, place: Place) -> Iterator[PackProblem]:
    if budget.calendar not in pack.calendars:
        found = _unknown("calendar", budget.calendar, pack.calendars)
        yield PackProblem((*place, "calendar"), found)
    counted = budget.unit in DAY_UNITS
    if counted != isinstance(budget.amount, int):
        wanted = "whole days: write a whole number such as 2"
        if not counted:
            wanted = f"time: write a duration such as PT{budget.amount}M"
        yield PackProblem((*place, "amount"), f"unit {budget.unit} counts {wanted}")
    elif budget.amount <= (0 if isinstance(budget.amount, int) else timedelta(0)):  # type: ignore[operator]  # both sides have the type of amount
        yield PackProblem(
            (*place, "amount"), "a budget must be longer than nothing: write PT15M or 2"
        )


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {kind} {name!r}{alternatives(name, known)}"
