"""Counting the dates of a regime: steps from day 0, stretches left out.

Owns: the arithmetic on dates. Never decides which step counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from schemas.regime import DateUnit, Step
from services.escalation.core.calendar import BusinessTime
from services.escalation.core.clock.dates import months_after

ONE_DAY: Final = timedelta(days=1)
_DAYS_OF: Final[dict[DateUnit, int]] = {"calendar_days": 1, "weeks": 7}


def stepped(day: date, steps: Iterable[Step], time: BusinessTime) -> date:
    """The date that these steps lead to; the first one is not counted."""
    for step in steps:
        day = _one_step(day, step, time)
    return day


def _one_step(day: date, step: Step, time: BusinessTime) -> date:
    if step.unit == "business_days":
        return time.days.date_after(day, step.amount)
    if step.unit == "months":
        return months_after(day, step.amount)
    return day + ONE_DAY * _DAYS_OF[step.unit] * step.amount


def left_out(day: date, began: date, ended: date, unit: DateUnit, time: BusinessTime) -> date:
    """A date moved on by what lies between two dates; the first of them is counted still.

    That is the shorter of the readings, for the day on which a stretch begins was worked.
    """
    if unit == "business_days":
        return time.days.date_after(day, time.days.count(began + ONE_DAY, ended))
    return day + (ended - began)


def in_words(steps: Iterable[Step]) -> str:
    """Such as "35 business days, then 1 calendar day"."""
    said = (f"{step.amount} {_unit(step)}" for step in steps)
    return ", then ".join(said) or "the day itself"


def _unit(step: Step) -> str:
    words = step.unit.replace("_", " ")
    return words if step.amount > 1 else words.removesuffix("s")


def named(day: date) -> str:
    """Such as "Mon 2026-11-23"."""
    return f"{day:%a} {day.isoformat()}"
