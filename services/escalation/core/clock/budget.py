"""How much time a clock grants, and in which unit.

Owns: units, budgets and their ISO 8601 text. Never does: instants.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

_SECOND: Final = timedelta(seconds=1)
_TIME: Final = re.compile(
    r"(?P<sign>-?)P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d{1,6})?)S)?)?"
)
_COUNT: Final = re.compile(r"(?P<sign>-?)P(?P<count>\d+)(?P<letter>[DWM])")


class Unit(StrEnum):
    """What a budget is counted in."""

    ELAPSED = "elapsed"
    BUSINESS = "business"
    BUSINESS_DAYS = "business_days"
    CALENDAR_DAYS = "calendar_days"
    WEEKS = "weeks"
    MONTHS = "months"


_LETTERS: Final = {
    Unit.BUSINESS_DAYS: "D",
    Unit.CALENDAR_DAYS: "D",
    Unit.WEEKS: "W",
    Unit.MONTHS: "M",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount in one unit: `time` of elapsed or business time, else `count` whole units.

    Negative budgets are offsets before an instant.
    """

    unit: Unit
    time: timedelta = timedelta(0)
    count: int = 0

    @property
    def is_time(self) -> bool:
        """Whether it is measured in time, not counted in dates."""
        return self.unit in (Unit.ELAPSED, Unit.BUSINESS)

    def plus(self, other: "Budget") -> "Budget":
        """The sum of two budgets of one unit; `ValueError` for two units."""
        if other.unit is not self.unit:
            raise ValueError(f"{other.unit.value} cannot be added to {self.unit.value}")
        return Budget(self.unit, self.time + other.time, self.count + other.count)

    def exceeds(self, other: "Budget") -> bool:
        """Whether it is more than another budget of the same unit."""
        return (self.time, self.count) > (other.time, other.count)

    def to_text(self) -> str:
        """ISO 8601: "PT15M", "P10D", "P8W", "P6M"; business hours are never written as days."""
        if self.is_time:
            return format_duration(self.time)
        sign = "-" if self.count < 0 else ""
        return f"{sign}P{abs(self.count)}{_LETTERS[self.unit]}"


def business(time: timedelta) -> Budget:
    """A budget of open time."""
    return Budget(Unit.BUSINESS, time)


def elapsed(time: timedelta) -> Budget:
    """A budget of time around the clock."""
    return Budget(Unit.ELAPSED, time)


def parse_budget(text: str, unit: Unit) -> Budget:
    """A budget from ISO 8601 text; `ValueError` when text and unit do not agree."""
    if unit in (Unit.ELAPSED, Unit.BUSINESS):
        return Budget(unit, parse_duration(text))
    match = _COUNT.fullmatch(text)
    if not match or match["letter"] != _LETTERS[unit]:
        raise ValueError(f"{text!r} is not a number of {unit.value}, such as P10{_LETTERS[unit]}")
    return Budget(unit, count=int(match["sign"] + match["count"]))


def parse_duration(text: str) -> timedelta:
    """A duration from ISO 8601 text such as "PT1H30M"; a day is 24 hours."""
    match = _TIME.fullmatch(text)
    if not match or text[-1] in "PT":
        raise ValueError(f"{text!r} is not a duration such as PT1H30M")
    parts = {name: match[name] or "0" for name in ("days", "hours", "minutes", "seconds")}
    whole, _, fraction = parts["seconds"].partition(".")
    amount = timedelta(
        days=int(parts["days"]),
        hours=int(parts["hours"]),
        minutes=int(parts["minutes"]),
        seconds=int(whole),
        microseconds=int(fraction.ljust(6, "0")),
    )
    return -amount if match["sign"] else amount


def format_duration(time: timedelta) -> str:
    """ISO 8601 in hours, minutes and seconds."""
    sign, time = ("-", -time) if time < timedelta(0) else ("", time)
    seconds, part = divmod(time, _SECOND)
    hours, rest = divmod(seconds, 3600)
    minutes, second = divmod(rest, 60)
    fraction = f".{part.microseconds:06}".rstrip("0") if part else ""
    text = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    if second or fraction or not text:
        text += f"{second}{fraction}S"
    return f"{sign}PT{text}"
