"""Calendars from the library `holidays`: generated as data to be pinned, compared with what is.

Owns the translation and the comparison. A clock never asks the library: it silently extrapolates
years that nobody has decreed yet, so what runs is the pinned file, and this finds where they part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any, Final

import holidays
from holidays.holiday_base import HolidayBase

from services.escalation.core.calendar import compile_calendar, parse_calendar
from services.escalation.core.calendar.model import WEEKDAYS

_SUBSTITUTED: Final = re.compile(r"substituted from (\d\d)/(\d\d)/(\d{4})")
_WHOLE_DAY: Final = [["00:00", "24:00"]]


class UnknownCalendarError(ValueError):
    """The library has no such country, subdivision or market."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which of the library's calendars: a country (with subdivision), or a financial market."""

    country: str | None = None
    subdivision: str | None = None
    market: str | None = None

    def days(self, first: int, last: int) -> HolidayBase:
        """The library's days of these years. Raises `UnknownCalendarError`."""
        years = range(first, last + 1)
        try:
            if self.market is not None:
                return holidays.financial_holidays(self.market, years=years)
            # In English, so that a day off names the weekend date that makes up for it.
            language = "en_US" if self.country == "CN" else None
            return holidays.country_holidays(
                self.country or "", subdiv=self.subdivision, years=years, language=language
            )
        except NotImplementedError as error:
            raise UnknownCalendarError(str(error)) from error

    def to_plain(self) -> dict[str, str]:
        """What the file says of where it came from."""
        parts = {
            "country": self.country,
            "subdivision": self.subdivision,
            "market": self.market,
        }
        return {name: value for name, value in parts.items() if value}


@dataclass(frozen=True, slots=True)
class Difference:
    """A date on which the file and the library disagree."""

    day: date
    file_works: bool
    library_says: str

    def __str__(self) -> str:
        file = "works" if self.file_works else "closed"
        return (
            f"{self.day} {WEEKDAYS[self.day.weekday()]}: file {file}, library {self.library_says}"
        )


def generate(source: Source, first: int, last: int, *, name: str, zone: str) -> dict[str, Any]:
    """A calendar as plain data for these years; its horizon is the end of the last one.

    Whether the last year has really been decreed is for a person to know: shorten the horizon if
    it has not.
    """
    found = source.days(first, last)
    return {
        "name": name,
        "version": f"{last}.1",
        "source": f"library holidays {version('holidays')}; check it against the official notice",
        "library": source.to_plain(),
        "timezone": zone,
        "horizon": f"{last}-12-31",
        "hours": dict.fromkeys(WEEKDAYS[:5], _WHOLE_DAY),
        "holidays": [str(day) for day in sorted(found) if first <= day.year <= last],
        "make_up_days": dict(_make_up_days(found, first, last)),
    }


def _make_up_days(found: HolidayBase, first: int, last: int) -> Iterator[tuple[str, str]]:
    """Weekend dates that are worked, with the weekday whose day off they make up for."""
    stand_for: dict[date, str] = {}
    for day, names in found.items():
        match = _SUBSTITUTED.search(names)
        if match:
            month, number, year = map(int, match.groups())
            stand_for[date(year, month, number)] = WEEKDAYS[day.weekday()]
    for day in sorted(getattr(found, "weekend_workdays", ())):
        if first <= day.year <= last:
            yield str(day), stand_for.get(day, "mon")


def differences(plain: Mapping[str, Any], source: Source) -> list[Difference]:
    """Every date, from the file's first year to its horizon, on which the two disagree."""
    calendar = parse_calendar(plain)
    if calendar.horizon is None or not calendar.holidays:
        raise ValueError("a calendar without holidays or horizon cannot be compared")
    first = min(calendar.holidays).year
    library = source.days(first, calendar.horizon.year)
    days = compile_calendar(calendar).days
    found = []
    for day in _dates(date(first, 1, 1), calendar.horizon):
        works = days.is_business_day(day)
        if works != library.is_working_day(day):
            found.append(Difference(day, works, library.get(day) or "works"))
    return found


def _dates(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
