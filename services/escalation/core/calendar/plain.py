"""Reads a calendar from plain data (a pack's YAML, a stored JSON document, a test vector).

Owns: the names of the parts and every check of what an author may write. Never does: files.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.escalation.core.calendar.holiday_rules import dates_of
from services.escalation.core.calendar.model import (
    WEEKDAYS,
    Calendar,
    Days,
    MonthDay,
    Windows,
    YearlyDays,
)
from services.escalation.core.calendar.window import (
    InvalidCalendarError,
    parse_window,
    parse_windows,
)

PARTS: Final = frozenset(
    {"name", "version", "timezone", "hours", "holidays", "shifts", "make_up_days", "surge_days"}
    | {"breaks", "horizon", "source", "library"}
)


def parse_calendar(plain: Mapping[str, Any]) -> Calendar:
    """A checked calendar.

    Parts: `timezone` (IANA), `hours` {"mon": [["09:00", "17:00"]]}, `holidays` ["2026-10-01",
    "--12-25", "last mon of may", "easter + 1"], `shifts` {date: windows}, `make_up_days`
    {date: "mon" or windows}, `surge_days` and `breaks` {date: windows}, `horizon`, `name`,
    `version`. `source` and `library` are for people and for `recourse calendar diff`.
    Raises `InvalidCalendarError`.
    """
    unknown = set(plain) - PARTS
    if unknown:
        raise InvalidCalendarError(f"unknown parts: {', '.join(sorted(map(str, unknown)))}")
    weekly = _weekly(_mapping(plain, "hours"))
    dated, yearly = _split(plain.get("holidays") or ())
    shifts, yearly_shifts = _shifts(_mapping(plain, "shifts"))
    horizon = plain.get("horizon")
    return Calendar(
        name=str(plain.get("name", "")),
        version=str(plain.get("version", "")),
        zone=_zone(plain.get("timezone")),
        weekly=weekly,
        holidays=frozenset(dated),
        yearly_holidays=frozenset(yearly),
        shifts=shifts,
        yearly_shifts=yearly_shifts,
        make_up_days=_make_up_days(_mapping(plain, "make_up_days"), weekly),
        surges=_days(_mapping(plain, "surge_days")),
        breaks=_breaks(_mapping(plain, "breaks")),
        horizon=_date(horizon) if horizon else None,
    )


def _mapping(plain: Mapping[str, Any], part: str) -> Mapping[Any, Any]:
    value = plain.get(part) or {}
    if not isinstance(value, Mapping):
        raise InvalidCalendarError(f"{part} must map days to windows")
    return value


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidCalendarError(f"{name!r} is not an IANA time zone") from error


def _weekly(hours: Mapping[Any, Any]) -> tuple[Windows, ...]:
    unknown = set(hours) - set(WEEKDAYS)
    if unknown:
        raise InvalidCalendarError(
            f"hours of unknown weekdays: {', '.join(sorted(map(str, unknown)))}"
        )
    return tuple(parse_windows(hours.get(weekday) or ()) for weekday in WEEKDAYS)


def _date(text: object) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise InvalidCalendarError(f"{text!r} is not a date") from error


def _month_day(text: str) -> MonthDay:
    # Any leap year will do: "--02-29" is a date of some years.
    day = _date(f"2000-{text.removeprefix('--')}")
    return MonthDay(day.month, day.day)


def _split(days: Iterable[object]) -> tuple[list[date], list[MonthDay]]:
    texts = [str(day) for day in days]
    yearly = [_month_day(text) for text in texts if text.startswith("--")]
    dated = [text for text in texts if not text.startswith("--")]
    exact = [_date(text) for text in dated if text[:1].isdigit()]
    ruled = [day for text in dated if not text[:1].isdigit() for day in dates_of(text)]
    return exact + ruled, yearly


def _days(plain: Mapping[Any, Sequence[Sequence[str]]]) -> Days:
    return {_date(day): parse_windows(windows) for day, windows in plain.items()}


def _shifts(plain: Mapping[Any, Any]) -> tuple[Days, YearlyDays]:
    dated = {day: windows for day, windows in plain.items() if not str(day).startswith("--")}
    yearly = {day: windows for day, windows in plain.items() if str(day).startswith("--")}
    return _days(dated), {_month_day(str(k)): parse_windows(v) for k, v in yearly.items()}


def _breaks(plain: Mapping[Any, Sequence[Sequence[str]]]) -> Days:
    # Breaks may overlap: two reasons for the same lunch hour are no contradiction.
    return {_date(day): tuple(map(parse_window, pairs)) for day, pairs in plain.items()}


def _make_up_days(plain: Mapping[Any, Any], weekly: Sequence[Windows]) -> Days:
    days: dict[date, Windows] = {}
    for day, hours in plain.items():
        if isinstance(hours, str) and hours not in WEEKDAYS:
            raise InvalidCalendarError(f"make-up day {day}: {hours!r} is not a weekday")
        by_weekday = isinstance(hours, str)
        days[_date(day)] = weekly[WEEKDAYS.index(hours)] if by_weekday else parse_windows(hours)
    return days
