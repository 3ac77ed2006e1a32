"""What a well-formed regime may still get wrong: names that point nowhere, clocks without a date.

Owns the checks and their words. Never derives anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.pack_checks import PackProblem, Place
from schemas.regime import RECEIVED, Condition, Regime, Role, StatutoryClock

_NESTED: Final = ("all_of", "any_of", "none_of")


def check_regime(regime: Regime) -> Iterator[PackProblem]:
    """Everything that is wrong with a regime whose parts are well formed."""
    yield from _of_zone(regime)
    dates = {name for name, kind in regime.facts.items() if kind == "date"}
    yield from _unknown(("from_transaction",), regime.from_transaction, dates, "a date")
    names = [clock.name for clock in regime.clocks]
    for position, clock in enumerate(regime.clocks):
        place: Place = ("clocks", position)
        if names.count(clock.name) > 1:
            yield PackProblem((*place, "name"), f"two clocks are called {clock.name}: rename one")
        yield from _of_role(place, clock)
        yield from _of_names(place, clock, regime)
    yield from _of_circles(regime)


def _of_zone(regime: Regime) -> Iterator[PackProblem]:
    try:
        ZoneInfo(regime.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield PackProblem(("time_zone",), f"{regime.time_zone!r} is not an IANA time zone")


def _of_role(place: Place, clock: StatutoryClock) -> Iterator[PackProblem]:
    if clock.role.has_date and not clock.ways:
        yield PackProblem(place, f"{clock.name} has no date: say its ways")
    if clock.role is Role.FACT and clock.holds is None:
        yield PackProblem(place, f"{clock.name} is a fact: say with `holds` when it is true")
    if clock.role is Role.VALUE and clock.compensation is None:
        yield PackProblem(place, f"{clock.name} is a value: say its `compensation`")
    if clock.falls_to is not None and clock.only_if is None:
        yield PackProblem((*place, "falls_to"), "a clock falls only where it has an `only_if`")


def _of_names(place: Place, clock: StatutoryClock, regime: Regime) -> Iterator[PackProblem]:
    dates = {RECEIVED, *regime.acts, *(n for n, kind in regime.facts.items() if kind == "date")}
    for position, way in enumerate(clock.ways):
        where = (*place, "ways", position)
        yield from _unknown((*where, "since"), way.since, dates, "an act, a date or `received`")
        yield from _of_condition((*where, "when"), way.when, regime)
    yield from _of_condition((*place, "only_if"), clock.only_if, regime)
    yield from _of_condition((*place, "holds"), clock.holds, regime)
    yield from _unknown(place, _acts_of(clock), {*regime.acts, RECEIVED}, "an act")
    clocks = {each.name for each in regime.clocks if each.role.has_date}
    yield from _unknown(place, _named_by(clock), clocks, "a clock with a date")


def _acts_of(clock: StatutoryClock) -> tuple[str, ...]:
    found = [*clock.met_by]
    for restart in clock.restarts:
        found += [restart.act, *([restart.asked_by] if restart.asked_by else [])]
    for stop in clock.suspensions:
        found += [stop.stopped_by, stop.resumed_by]
    return (*found, *([clock.compensation.until] if clock.compensation else []))


def _named_by(clock: StatutoryClock) -> tuple[str, ...]:
    limits = [stop.at_most for stop in clock.suspensions]
    after = clock.compensation.after if clock.compensation else None
    return tuple(name for name in (clock.falls_to, after, *limits) if name)


def _of_condition(
    place: Place, condition: Condition | None, regime: Regime
) -> Iterator[PackProblem]:
    if condition is None:
        return
    for part in _NESTED:
        for position, inner in enumerate(getattr(condition, part)):
            yield from _of_condition((*place, part, position), inner, regime)
    dates = {RECEIVED, *(name for name, kind in regime.facts.items() if kind == "date")}
    known = {
        "fact": (set(regime.facts), "a fact that the regime declares"),
        "act": ({*regime.acts, RECEIVED}, "an act that the regime declares"),
        "date": (dates, "a date that the regime declares"),
        "after": (dates, "a date that the regime declares"),
        "verdict": ({c.name for c in regime.clocks if c.role is Role.FACT}, "a clock of role fact"),
        "by": ({c.name for c in regime.clocks if c.role.has_date}, "a clock with a date"),
    }
    for part, (allowed, what) in known.items():
        name = getattr(condition, part)
        yield from _unknown((*place, part), (name,) if name else (), allowed, what)


def _unknown(
    place: Place, names: tuple[str, ...], known: set[str], what: str
) -> Iterator[PackProblem]:
    for name in names:
        if name not in known:
            choice = ", ".join(sorted(known)) or "none"
            yield PackProblem(place, f"{name!r} is not {what}; known: {choice}")


def _of_circles(regime: Regime) -> Iterator[PackProblem]:
    """A date that follows from itself would never be found."""
    needs = {clock.name: set(_leans_on(clock)) for clock in regime.clocks}
    for position, clock in enumerate(regime.clocks):
        seen: set[str] = set()
        ahead = set(needs[clock.name])
        while ahead:
            name = ahead.pop()
            seen.add(name)
            ahead |= needs.get(name, set()) - seen
        if clock.name in seen:
            yield PackProblem(("clocks", position), f"the date of {clock.name} follows from itself")


def _leans_on(clock: StatutoryClock) -> Iterator[str]:
    yield from _named_by(clock)
    for condition in (clock.only_if, clock.holds, *(way.when for way in clock.ways)):
        yield from _clocks_in(condition)


def _clocks_in(condition: Condition | None) -> Iterator[str]:
    if condition is None:
        return
    yield from (name for name in (condition.by, condition.verdict) if name)
    for part in _NESTED:
        for inner in getattr(condition, part):
            yield from _clocks_in(inner)
