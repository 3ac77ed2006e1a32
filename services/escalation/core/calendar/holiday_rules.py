"""Holidays by rule: the n-th or last weekday of a month, and days counted from Easter.

Owns: the words of a rule and the dates it gives, for the years 1990 to 2099. A rule is laid out
into dates when a calendar is read, so that everything after knows dates only.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from dateutil.easter import easter

from services.escalation.core.calendar.window import InvalidCalendarError

YEARS: Final = range(1990, 2100)
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_WHICH: Final = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_NTH: Final = re.compile(
    rf"(?P<which>{'|'.join(_WHICH)}) (?P<day>{'|'.join(_WEEKDAYS)}) "
    rf"of (?P<month>{'|'.join(_MONTHS)})"
)
_EASTER: Final = re.compile(r"easter(?: (?P<sign>[+-]) (?P<days>[0-9]{1,3}))?")


def dates_of(rule: str) -> tuple[date, ...]:
    """The dates of a rule: "last mon of may", "easter", "easter - 2", "easter + 1".

    Raises `InvalidCalendarError` for words that are no rule.
    """
    give = _reading(rule)
    return tuple(give(year) for year in YEARS)


def _reading(rule: str) -> Callable[[int], date]:
    nth = _NTH.fullmatch(rule)
    if nth is not None:
        month, weekday = _MONTHS.index(nth["month"]) + 1, _WEEKDAYS.index(nth["day"])
        return lambda year: _weekday_of(year, month, weekday, _WHICH[nth["which"]])
    counted = _EASTER.fullmatch(rule)
    if counted is not None:
        days = int((counted["sign"] or "+") + (counted["days"] or "0"))
        return lambda year: easter(year) + timedelta(days=days)
    raise InvalidCalendarError(
        f"{rule!r} is neither a date (2026-10-01, --12-25) nor a rule (last mon of may, easter + 1)"
    )


def _weekday_of(year: int, month: int, weekday: int, which: int) -> date:
    first = date(year, month, 1)
    days = [first + timedelta(days=number) for number in range(31)]
    fitting = [day for day in days if day.month == month and day.weekday() == weekday]
    return fitting[which]
