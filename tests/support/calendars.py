"""Calendars to test with."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFFICE_HOURS = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in WEEK[:5]}
AROUND_THE_CLOCK = {day: [["00:00", "24:00"]] for day in WEEK}


def office(zone: str = "Asia/Shanghai", **parts: Any) -> BusinessTime:
    """Monday to Friday, 09:00 to 12:00 and 13:00 to 18:00, changed by `parts`."""
    plain = {"name": "office", "version": "1", "timezone": zone, "hours": OFFICE_HOURS}
    return compile_calendar(parse_calendar(plain | parts))


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    """The instant of a wall time such as "2026-09-30 16:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
