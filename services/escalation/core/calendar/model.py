"""The calendar as data: what an operator wrote down about when its people work.

Owns: the frozen `Calendar` and its digest. Its text form is read and written by `plain`.
Never does: arithmetic with instants (see `business_time`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from services.escalation.core.calendar.window import Window, format_window

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Windows = tuple[Window, ...]


class MonthDay(NamedTuple):
    """A date of every year, written "--MM-DD"."""

    month: int
    day: int

    def __str__(self) -> str:
        return f"--{self.month:02}-{self.day:02}"


Days = Mapping[date, Windows]
YearlyDays = Mapping[MonthDay, Windows]


@dataclass(frozen=True, eq=False)
class Calendar:
    """Opening hours of one team in one zone, with every exception to them.

    What is open on a date is decided by the first that names it: exact holiday, exact shift,
    make-up day, yearly holiday, yearly shift, weekly hours. Surge windows are then added, breaks
    taken away. Two calendars are equal when their digests are.
    """

    name: str
    version: str
    zone: ZoneInfo
    weekly: tuple[Windows, ...]
    """Windows of Monday to Sunday."""
    holidays: frozenset[date]
    yearly_holidays: frozenset[MonthDay]
    shifts: Days
    yearly_shifts: YearlyDays
    make_up_days: Days
    surges: Days
    breaks: Days
    horizon: date | None
    """Last date whose holidays are officially known; None: they never change."""

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and other.digest == self.digest

    @cached_property
    def digest(self) -> str:
        """ "sha256:..." over the canonical JSON of the plain form."""
        text = json.dumps(
            self.to_plain(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def last_exact_date(self) -> date:
        """The last date with a rule of its own; after it only weekly and yearly rules hold."""
        exact = {*self.holidays, *self.shifts, *self.make_up_days, *self.surges, *self.breaks}
        return max(exact, default=date.min)

    @cached_property
    def first_exact_date(self) -> date:
        """The first date with a rule of its own."""
        exact = {*self.holidays, *self.shifts, *self.make_up_days, *self.surges, *self.breaks}
        return min(exact, default=date.max)

    def is_holiday(self, day: date) -> bool:
        """Whether the holiday lists name this date."""
        return day in self.holidays or MonthDay(day.month, day.day) in self.yearly_holidays

    def to_plain(self) -> dict[str, Any]:
        """Dicts, lists and strings, as `plain.parse_calendar` reads them."""
        return {
            "name": self.name,
            "version": self.version,
            "timezone": self.zone.key,
            "hours": {
                weekday: [format_window(window) for window in windows]
                for weekday, windows in zip(WEEKDAYS, self.weekly, strict=True)
                if windows
            },
            "holidays": sorted(map(str, self.holidays)) + sorted(map(str, self.yearly_holidays)),
            "shifts": _plain_days(self.shifts) | _plain_days(self.yearly_shifts),
            "make_up_days": _plain_days(self.make_up_days),
            "surge_days": _plain_days(self.surges),
            "breaks": _plain_days(self.breaks),
            "horizon": str(self.horizon) if self.horizon else None,
        }


def _plain_days(days: Mapping[Any, Windows]) -> dict[str, list[list[str]]]:
    return {
        str(day): [format_window(window) for window in windows] for day, windows in days.items()
    }
