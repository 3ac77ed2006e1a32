"""Budgets, durations and instants in the words of a person at the operator.

Owns how they are said: "15 min of service_hours", "2 business days of service_hours", "10 min,
around the clock". Decides nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from schemas.pack import CalendarRule, Pack
from schemas.pack_clocks import Budget

_PARTS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_UNITS: Final = {
    "business_days": "business day",
    "calendar_days": "calendar day",
    "weeks": "week",
    "months": "month",
}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def duration(amount: timedelta) -> str:
    """As "1 h 30 min"; business hours are never said as days."""
    rest = int(amount.total_seconds())
    if not rest:
        return "0 s"
    said = []
    for seconds, word in _PARTS:
        # 24 hours of business time are no day.
        if rest >= seconds and not (word == "d" and rest % seconds):
            said.append(f"{rest // seconds} {word}")
            rest %= seconds
    return " ".join(said)


def budget(pack: Pack, given: Budget | None) -> str:
    """As "15 min of service_hours"."""
    if given is None:
        return "no limit"
    if isinstance(given.amount, int):
        word = _UNITS[given.unit] + ("" if given.amount == 1 else "s")
        return f"{given.amount} {word} of {given.calendar}"
    if given.unit == "elapsed" or _never_closed(pack.calendars.get(given.calendar)):
        return f"{duration(given.amount)}, around the clock"
    return f"{_hours(given.amount)} of {given.calendar}"


def instant(at: datetime, zone: ZoneInfo) -> str:
    """As "Mon 2026-11-23 10:15", with seconds where there are any."""
    local = at.astimezone(zone)
    return local.strftime("%a %Y-%m-%d %H:%M:%S").removesuffix(":00")


def _hours(amount: timedelta) -> str:
    """Business time in hours at most: a day of it depends on the calendar."""
    hours, rest = divmod(int(amount.total_seconds()), 3600)
    said = [f"{hours} h"] if hours else []
    if rest or not hours:
        said.append(duration(timedelta(seconds=rest)))
    return " ".join(said)


def _never_closed(rule: CalendarRule | None) -> bool:
    if rule is None or rule.uses or rule.holidays or rule.breaks or rule.shifts:
        return False
    return all(rule.weekly.get(day) == (("00:00", "24:00"),) for day in _DAYS)
