"""The pictures of `docs/explanation/clocks.md` are drawn by the clocks themselves.

`make goldens` draws them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar
from services.escalation.core.clock import Clock, ClockSpec, due, explain, pause, resume, start
from services.escalation.core.clock.budget import Unit, parse_budget
from services.packs import SHIPPED_PACKS
from services.yaml_files import read_yaml
from tests.support.pictures import draw

FOLDER = Path(__file__).parents[2] / "docs" / "explanation"
CN = read_yaml(SHIPPED_PACKS / "calendars" / "cn.yaml").plain
Picture = tuple[str, Clock, BusinessTime]


def calendar(zone: str, hours: list[list[str]], days: str, **parts: Any) -> BusinessTime:
    weekly = dict.fromkeys(days.split(), hours)
    return compile_calendar(parse_calendar({"timezone": zone, "hours": weekly, **parts}))


def service_hours() -> BusinessTime:
    parts = {name: CN[name] for name in ("holidays", "make_up_days", "horizon")}
    return calendar("Asia/Shanghai", [["09:00", "18:00"]], "mon tue wed thu fri", **parts)


def running(budget: str, unit: Unit, at: str, time: BusinessTime) -> Clock:
    spec = ClockSpec("resolution", parse_budget(budget, unit))
    return start(spec, datetime.fromisoformat(at), time.calendar.digest)


def pause_over_a_night() -> Picture:
    time = service_hours()
    clock = running("PT8H", Unit.BUSINESS, "2026-11-20T09:58:00+08:00", time)
    asked = datetime.fromisoformat("2026-11-20T10:10:00+08:00")
    answered = datetime.fromisoformat("2026-11-21T20:00:00+08:00")
    clock = resume(pause(clock, asked, "waiting_customer", "A1024").clock, answered).clock
    return "Eight hours, paused from Friday to Saturday night", clock, time


def the_hour_that_does_not_exist() -> Picture:
    time = calendar("Europe/Berlin", [["00:00", "06:00"]], "sat sun")
    clock = running("PT4H", Unit.BUSINESS, "2026-03-29T00:30:00+01:00", time)
    return "Four hours over the night on which 02:00 to 03:00 is skipped", clock, time


def a_saturday_that_is_worked() -> Picture:
    time = service_hours()
    clock = running("PT8H", Unit.BUSINESS, "2026-10-09T16:00:00+08:00", time)
    return "Eight hours before a make-up working day (Saturday 10 October 2026)", clock, time


def beyond_the_horizon() -> Picture:
    time = service_hours()
    clock = running("PT20H", Unit.BUSINESS, "2026-12-31T15:00:00+08:00", time)
    return "Twenty hours past the last day that has been decreed", clock, time


def note(clock: Clock, time: BusinessTime) -> str:
    found = due(clock, time)
    assert found.at is not None
    local = found.at.astimezone(time.calendar.zone)
    text = f"due {local:%a %d %b %Y %H:%M}"
    if found.earliest is None:
        return text
    earliest = found.earliest.astimezone(time.calendar.zone)
    return f"{text}, provisional: not before {earliest:%a %d %b %H:%M} whatever is decreed"


@pytest.mark.parametrize(
    "case",
    [
        pause_over_a_night,
        the_hour_that_does_not_exist,
        a_saturday_that_is_worked,
        beyond_the_horizon,
    ],
)
def test_the_picture_is_current(case: Callable[[], Picture]) -> None:
    title, clock, time = case()
    steps = explain(clock, time)
    assert sum((s.end - s.start for s in steps), timedelta()) == steps[-1].end - steps[0].start
    picture = draw(title, steps, note(clock, time))
    file = FOLDER / f"{case.__name__}.svg"
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(picture)
    assert file.read_text() == picture, "run `make goldens` and look at it"
