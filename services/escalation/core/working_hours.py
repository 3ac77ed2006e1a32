"""When an agent works and when not, as the roster says it.

Owns: the models of working hours (the rules of calendars, without a pack's pinned holidays) and
of absences, and their checks. A reason for an absence is nobody's business here.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from schemas.event import Model
from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar
from services.escalation.core.calendar.window import parse_window, parse_windows

_ZONES: Final = available_timezones()
_DATES: Final = 1000
_Pair = tuple[str, str]
_Pairs = tuple[_Pair, ...]


def _known_zone(name: str) -> str:
    if name not in _ZONES:
        raise ValueError("not an IANA time zone: write one such as Asia/Shanghai")
    return name


def _readable(pair: _Pair) -> _Pair:
    parse_window(pair)
    return pair


def _apart(pairs: _Pairs) -> _Pairs:
    parse_windows(pairs)
    return pairs


_Window = Annotated[_Pair, AfterValidator(_readable)]
_Day = Annotated[tuple[_Window, ...], Field(max_length=24), AfterValidator(_apart)]
_Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class WorkingHours(Model):
    """The hours of one agent in one zone; what each part means is the calendars' business."""

    time_zone: Annotated[str, AfterValidator(_known_zone)]
    weekly: dict[_Weekday, _Day] = {}
    holidays: Annotated[tuple[str, ...], Field(max_length=_DATES)] = ()
    working_days: Annotated[dict[str, str], Field(max_length=_DATES)] = {}
    shifts: Annotated[dict[str, _Day], Field(max_length=_DATES)] = {}
    breaks: Annotated[dict[str, tuple[_Window, ...]], Field(max_length=_DATES)] = {}

    @cached_property
    def time(self) -> BusinessTime:
        """The hours made ready to ask; equal hours of many agents share one."""
        plain = {
            "timezone": self.time_zone,
            "hours": self.weekly,
            "holidays": self.holidays,
            "make_up_days": self.working_days,
            "shifts": self.shifts,
            "breaks": self.breaks,
        }
        return compile_calendar(parse_calendar(plain))

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        if not any((*self.weekly.values(), *self.shifts.values())):
            raise ValueError("nobody works in no hours: give weekly hours or shifts")
        _ = self.time  # reads every date and rule; what is wrong is named by the error
        return self


class Absence(Model):
    """A time in which an agent is not there: from an instant on, until another if one is known."""

    from_at: AwareDatetime
    until_at: AwareDatetime | None = None

    def covers(self, at: datetime) -> bool:
        """Whether the agent is away at an instant; at `until_at` they are back."""
        return self.from_at <= at and (self.until_at is None or at < self.until_at)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.until_at is not None and self.until_at <= self.from_at:
            raise ValueError("until_at is not after from_at: swap them, or leave until_at out")
        return self
