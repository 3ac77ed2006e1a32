"""A pack made ready to decide with: calendars compiled once, rungs by name.

Owns: what the pack means for a lane, rung or category. Pure: reading files and digests is the
business of `services/packs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from schemas.case import PackPin
from schemas.pack import CalendarRule, LaneRule, Pack, Rung
from schemas.pack_clocks import Budget, ClockRule, EndRule, Roll
from schemas.vocabulary import Category, Lane, RungReason, Side
from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar
from services.escalation.core.calendar import Roll as ClockRoll
from services.escalation.core.clock import Budget as ClockBudget
from services.escalation.core.clock import ClockSpec, Unit, offset_from
from services.escalation.core.clock import EndRule as ClockEndRule
from services.escalation.core.statutory_rules import statutory_rules

_MERGED_PARTS = ("shifts", "breaks", "surge_days")


@dataclass(frozen=True)
class Policy:
    """One pack under one digest. Never changes while a case is pinned to it."""

    pack: Pack
    digest: str
    calendars: Mapping[str, BusinessTime]

    @cached_property
    def pin(self) -> PackPin:
        """What a case says of the policy it runs under."""
        return PackPin(name=self.pack.name, version=self.pack.version, digest=self.digest)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone in which people at the operator read instants."""
        return ZoneInfo(self.pack.time_zone)

    @cached_property
    def rungs(self) -> Mapping[str, Rung]:
        """The rungs by name."""
        return {rung.name: rung for rung in self.pack.ladder.rungs}

    @cached_property
    def height(self) -> Mapping[str, int]:
        """How high each rung stands, from 0."""
        return {rung.name: height for height, rung in enumerate(self.pack.ladder.rungs)}

    def calendar_digests(self) -> dict[str, str]:
        """What each calendar is pinned by."""
        return {name: time.calendar.digest for name, time in self.calendars.items()}

    def lane(self, lane: Lane) -> LaneRule:
        """The clocks of a lane."""
        return self.pack.lanes[lane]

    def clock_rule(self, lane: Lane, name: str) -> ClockRule | None:
        """The rule of a lane's or a regime's clock; None for clocks of rungs and promises."""
        return self._clock_rules[lane].get(name) or self.statutes.get(name)

    @cached_property
    def _clock_rules(self) -> Mapping[Lane, Mapping[str, ClockRule]]:
        return {
            name: {rule.name: rule for rule in reversed(lane.clocks)}
            for name, lane in self.pack.lanes.items()
        }

    def moved_by(self, lane: Lane, names: frozenset[str]) -> Sequence[ClockRule]:
        """The lane's clocks that one of these events starts, stops or restarts, in their order."""
        known = self._moved_by.get((lane, names))
        if known is None:
            rules = self.lane(lane).clocks
            known = tuple(rule for rule in rules if not names.isdisjoint(_words(rule)))
            self._moved_by[lane, names] = known
        return known

    @cached_property
    def _moved_by(self) -> dict[tuple[Lane, frozenset[str]], Sequence[ClockRule]]:
        """As it was asked so far: a case hears one of few events."""
        return {}

    @cached_property
    def statutes(self) -> Mapping[str, ClockRule]:
        """The clocks of the pack's regimes, by the names under which cases run them."""
        return statutory_rules(self.pack)

    def group(self, rung: str, category: Category) -> str:
        """The group that owns a case of this category on a rung."""
        rule = self.rungs[rung]
        return rule.group_by_category.get(category, rule.group)

    @cached_property
    def assigning(self) -> frozenset[tuple[str, str]]:
        """The rungs that give cases to people, each with every group that it may be of."""
        return frozenset(
            (rung.name, group)
            for rung in self.pack.ladder.rungs
            if rung.assign is not None
            for group in (rung.group, *rung.group_by_category.values())
        )

    def rung_budget(self, rung: str, lane: Lane) -> Budget | None:
        """How long a rung may take, the lane's own budget first."""
        return self.lane(lane).rung_budgets.get(rung, self.rungs[rung].budget)

    def acknowledge_within(self, rung: str, lane: Lane) -> Budget | None:
        """How soon somebody on a rung must acknowledge, the lane's own budget first."""
        return self.lane(lane).acknowledge_within.get(rung, self.rungs[rung].acknowledge_within)

    def below(self, rung: str) -> str | None:
        """The operator rung next below; None on the lowest."""
        lower = [
            rule.name
            for rule in self.pack.ladder.rungs[: self.height[rung]]
            if rule.side is Side.OPERATOR
        ]
        return lower[-1] if lower else None


def compile_policy(pack: Pack, digest: str) -> Policy:
    """The policy of a checked pack. Raises `InvalidCalendarError` with the calendar's name."""
    calendars = {
        name: compile_calendar(parse_calendar(_plain_calendar(name, rule, pack)))
        for name, rule in pack.calendars.items()
    }
    return Policy(pack=pack, digest=digest, calendars=calendars)


def _words(rule: ClockRule) -> tuple[str, ...]:
    return (*rule.starts_on, *rule.stops_on, *rule.restarts_on)


def breach_reason(rule: ClockRule) -> RungReason:
    """Why a rung is entered when this clock is missed."""
    return RungReason(rule.on_breach.reason)


@lru_cache(maxsize=4096)
def clock_spec(budget: Budget, thresholds: tuple[int, ...], end: EndRule, roll: Roll) -> ClockSpec:
    """The clock of a budget. Which pauses it honours is decided where they are handed to it."""
    return ClockSpec(
        name=budget.unit,
        budget=clock_budget(budget),
        end=ClockEndRule(end),
        roll=ClockRoll(roll),
        thresholds=thresholds,
    )


def instant_after(policy: Policy, budget: Budget, start_at: datetime) -> datetime:
    """The instant at which a budget that nothing pauses is spent."""
    return spent_at(policy.calendars[budget.calendar], budget, start_at)


# Entering a rung asks for one instant up to four times.
@lru_cache(maxsize=1024)
def spent_at(time: BusinessTime, budget: Budget, start_at: datetime) -> datetime:
    """The same, on the budget's calendar."""
    return offset_from(start_at, clock_budget(budget), time)


@lru_cache(maxsize=4096)
def clock_budget(budget: Budget) -> ClockBudget:
    """A pack's budget as the clock counts it."""
    unit = Unit(budget.unit)
    if isinstance(budget.amount, int):
        return ClockBudget(unit, count=budget.amount)
    return ClockBudget(unit, time=budget.amount)


@lru_cache(maxsize=4096)
def share_of(budget: Budget, percent: int) -> ClockBudget | None:
    """A part of a budget of time; None of one that counts dates, whose length nobody knows yet."""
    whole = clock_budget(budget)
    return ClockBudget(whole.unit, whole.time * percent / 100) if whole.is_time else None


@lru_cache(maxsize=4096)
def budget_text(budget: Budget) -> tuple[str, str]:
    """How much, in ISO 8601, and of which unit."""
    granted = clock_budget(budget)
    return granted.to_text(), granted.unit.value


def _plain_calendar(name: str, rule: CalendarRule, pack: Pack) -> dict[str, Any]:
    """The calendar as `parse_calendar` reads it: the rule's own days laid over those it uses."""
    used = [pack.holiday_files[file] for file in rule.uses]
    horizons = [str(file["horizon"]) for file in used if file.get("horizon")]
    horizon = rule.horizon or (min(horizons) if horizons else None)
    plain: dict[str, Any] = {
        "name": name,
        "version": pack.version,
        "timezone": rule.time_zone,
        "hours": rule.weekly,
        "holidays": [*(day for file in used for day in file.get("holidays") or ()), *rule.holidays],
        "make_up_days": _merged(used, "make_up_days", rule.working_days),
        "horizon": horizon,
    }
    own: dict[str, Mapping[str, Any]] = {"shifts": rule.shifts, "breaks": rule.breaks}
    return plain | {part: _merged(used, part, own.get(part, {})) for part in _MERGED_PARTS}


def _merged(used: list[Mapping[str, Any]], part: str, own: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for file in used:
        merged |= file.get(part) or {}
    return merged | dict(own)
