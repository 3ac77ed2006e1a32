"""Calendars of a pack that cannot mean anything: which part of them, and what to write instead.

Owns trying each part on its own, so that all mistakes are found and each has its place. What a
part means is the calendar's business. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.pack import CalendarRule, Pack
from schemas.pack_checks import PackProblem, Place
from schemas.spelling import alternatives
from services.escalation.core.calendar import parse_calendar
from services.escalation.core.calendar.model import WEEKDAYS
from services.escalation.core.calendar.plain import PARTS
from services.escalation.core.calendar.window import InvalidCalendarError

_UNUSABLE: Final = (InvalidCalendarError, TypeError, AttributeError, ValueError, LookupError)
"""A holiday file is read as whatever it holds: text where days should stand is a mistake too."""
_SHORT_HOUR: Final = re.compile(r"'(\d):(\d\d)' is not a time")
_WEEKDAY: Final = re.compile(r"'([^']*)' is not a weekday$")
_DATE: Final = re.compile(r"is not a date$")


def calendar_problems(pack: Pack) -> Iterator[PackProblem]:
    """Every mistake in the calendars of a pack and in the holiday files they use."""
    for name, rule in pack.calendars.items():
        place: Place = ("calendars", name)
        for day in sorted(set(rule.weekly) - set(WEEKDAYS)):
            yield PackProblem((*place, "weekly", day), f"{day!r} is not a weekday{_weekday(day)}")
        if not any(rule.weekly.values()):
            found = 'is never open: give a weekday hours, `mon: [["09:00", "18:00"]]`'
            yield PackProblem((*place, "weekly"), found)
        for step, part in _parts(rule):
            yield from _tried(part, (*place, *step), "")
        for position, used in enumerate(rule.uses):
            if used in pack.holiday_files:
                found_in = pack.holiday_files[used]
                yield from _file(found_in, (*place, "uses", position), f"holiday file {used}: ")


def _parts(rule: CalendarRule) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Each smallest part that can be read alone, where it stands, as `parse_calendar` takes it."""
    hours = {day: windows for day, windows in rule.weekly.items() if day in WEEKDAYS}
    for day, windows in hours.items():
        yield ("weekly", day), {"hours": {day: windows}}
    for position, holiday in enumerate(rule.holidays):
        yield ("holidays", position), {"holidays": [holiday]}
    for date, weekday in rule.working_days.items():
        yield ("working_days", date), {"make_up_days": {date: weekday}}
    for date, windows in rule.shifts.items():
        yield ("shifts", date), {"shifts": {date: windows}}
    for date, windows in rule.breaks.items():
        yield ("breaks", date), {"breaks": {date: windows}}
    if rule.horizon is not None:
        yield ("horizon",), {"horizon": rule.horizon}


def _file(plain: object, place: Place, where: str) -> Iterator[PackProblem]:
    if not isinstance(plain, Mapping):
        yield PackProblem(place, f"{where}it is no mapping: begin with `holidays:`")
        return
    unknown = sorted(str(part) for part in plain if part not in PARTS)
    if unknown:
        found = f"{where}there is no part {unknown[0]!r}{alternatives(unknown[0], PARTS)}"
        yield PackProblem(place, found)
        return
    yield from _tried({**plain, "timezone": plain.get("timezone") or "UTC"}, place, where)


def _tried(plain: Mapping[str, Any], place: Place, where: str) -> Iterator[PackProblem]:
    try:
        parse_calendar({"timezone": "UTC", **plain})
    except InvalidCalendarError as error:
        yield PackProblem(place, where + _with_remedy(str(error)))
    except _UNUSABLE as error:
        yield PackProblem(place, f"{where}cannot be read as days and hours: {error}")


def _with_remedy(said: str) -> str:
    """The calendar's own words, and what to write where they do not say it."""
    hour = _SHORT_HOUR.search(said)
    if hour is not None:
        return f"{said}: write 0{hour[1]}:{hour[2]}"
    if _DATE.search(said):
        return f"{said}: write it as 2026-10-01"
    if "empty window" in said:
        return f'{said}: write ["00:00", "24:00"] for the whole day'
    weekday = _WEEKDAY.search(said)
    if weekday is not None:
        return said + _weekday(weekday[1])
    return f"{said}: write one window" if "overlaps" in said else said


def _weekday(said: str) -> str:
    short = said[:3].lower()
    return f": write {short}" if short in WEEKDAYS else alternatives(said, WEEKDAYS)
