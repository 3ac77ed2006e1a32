"""The pack as the forecast reads it: calendars compiled, rungs by name.

Owns look-ups in the pack. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from schemas.pack import Pack, Rung
from schemas.pack_clocks import Budget, ClockRule
from schemas.vocabulary import Category, Lane
from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar


class UnforeseenError(Exception):
    """A plot does what this forecast cannot work out: the plot or the forecast must change."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A pack and its calendars."""

    pack: Pack
    calendars: Mapping[str, BusinessTime]

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the operator."""
        return ZoneInfo(self.pack.time_zone)

    def rung(self, name: str) -> Rung:
        """A rung by its name."""
        return next(rung for rung in self.pack.ladder.rungs if rung.name == name)

    def height(self, name: str) -> int:
        """How high a rung stands."""
        return [rung.name for rung in self.pack.ladder.rungs].index(name)

    def group(self, rung: str, category: Category) -> str:
        """Whose queue a case of this category is in on a rung."""
        rule = self.rung(rung)
        return rule.group_by_category.get(category, rule.group)

    def clocks(self, lane: Lane) -> tuple[ClockRule, ...]:
        """The clocks of a lane."""
        return self.pack.lanes[lane].clocks

    def rung_budget(self, rung: str, lane: Lane) -> Budget | None:
        """How long a case of this lane may stay on a rung."""
        return self.pack.lanes[lane].rung_budgets.get(rung, self.rung(rung).budget)

    def acknowledge_within(self, rung: str, lane: Lane) -> Budget | None:
        """How soon somebody on the rung must acknowledge a case of this lane."""
        own = self.rung(rung).acknowledge_within
        return self.pack.lanes[lane].acknowledge_within.get(rung, own)


def read_rules(pack: Pack) -> Rules:
    """The rules of a pack."""
    calendars = {
        name: compile_calendar(parse_calendar(_plain(pack, name))) for name in pack.calendars
    }
    return Rules(pack, calendars)


def _plain(pack: Pack, name: str) -> dict[str, Any]:
    """A calendar with the holidays that it takes from files."""
    rule = pack.calendars[name]
    plain: dict[str, Any] = {
        "name": name,
        "version": pack.version,
        "timezone": rule.time_zone,
        "hours": rule.weekly,
        "holidays": list(rule.holidays),
        "make_up_days": dict(rule.working_days),
        "shifts": rule.shifts,
        "breaks": rule.breaks,
    }
    for used in rule.uses:
        file = pack.holiday_files[used]
        plain["holidays"] += file["holidays"]
        plain["make_up_days"] = file["make_up_days"] | plain["make_up_days"]
    return plain
