"""Business time beside the libraries that people would take otherwise, where they can do it.

Each answers the same questions on the same calendar (service hours and holidays; none of them knows
make-up working days, so those are left out on both sides), and its answers are compared with ours
before anything is timed. `make bench` installs their packages from `requirements.lock` here.
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as wall_time
from typing import Any, Final

from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.sizes import Sizes
from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar
from services.packs import SHIPPED_PACKS
from services.yaml_files import read_yaml

_ZONE: Final = "Asia/Shanghai"
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri")
_OPENS_H, _CLOSES_H = 9, 18
_SEED: Final = 20261123
_COMPARED: Final = 40
_MOST_S: Final = 2.0
_YEAR: Final = datetime.fromisoformat("2026-01-05T00:00:00+08:00")
Question = tuple[datetime, int]
Answer = Callable[[datetime, int], Any]


def measure(sizes: Sizes) -> Sequence[Row]:
    """One row per library; raises `NotMeasured` naming the packages that are missing."""
    ours = _our_calendar()
    holidays = sorted(ours.calendar.holidays)
    rows = []
    for name, unit, mine, theirs in _pairs(ours, holidays):
        questions = _questions(sizes.additions, unit)
        few = questions[: sizes.peers]
        _compare(name, mine, theirs, few[:_COMPARED])
        rows.append(
            Row(
                f"{unit}, {ours.calendar.name}",
                "/s",
                Samples.of(_rate(mine, questions) for _ in range(sizes.repetitions)),
                name,
                Samples.of(_rate(theirs, few) for _ in range(sizes.repetitions)),
                Better.HIGHER,
            )
        )
    return rows


def _our_calendar() -> BusinessTime:
    hours = [[f"{_OPENS_H:02}:00", f"{_CLOSES_H:02}:00"]]
    pinned = read_yaml(SHIPPED_PACKS / "calendars" / "cn.yaml").plain
    plain = {
        "name": "2026 with holidays",
        "timezone": _ZONE,
        "hours": dict.fromkeys(_WEEKDAYS, hours),
        "holidays": pinned["holidays"],
    }
    return compile_calendar(parse_calendar(plain))


def _pairs(ours: BusinessTime, holidays: Sequence[date]) -> list[tuple[str, str, Answer, Answer]]:
    """(library, question, our answer, theirs); all zone-aware in and out where they can."""

    def add(start: datetime, hours: int) -> datetime:
        return ours.add(start, timedelta(hours=hours))

    def add_days(start: datetime, days: int) -> date:
        return ours.days.date_after(start.date(), days)

    def hours_between(start: datetime, hours: int) -> float:
        end = start + timedelta(hours=hours)
        return ours.between(start, end) / timedelta(hours=1)

    return [
        ("businesstimedelta", "add business hours", add, _businesstimedelta(holidays)),
        ("pandas CustomBusinessHour", "add business hours", add, _pandas(holidays)),
        ("business-duration", "business hours between", hours_between, _duration(holidays)),
        ("workalendar", "add business days", add_days, _workalendar(holidays)),
        ("bizdays", "add business days", add_days, _bizdays(holidays)),
    ]


def _businesstimedelta(holidays: Sequence[date]) -> Answer:
    library, pytz = _imported("businesstimedelta"), _imported("pytz")
    zone = pytz.timezone(_ZONE)
    work = library.WorkDayRule(
        start_time=wall_time(_OPENS_H),
        end_time=wall_time(_CLOSES_H),
        working_days=[0, 1, 2, 3, 4],
        tz=zone,
    )
    # It looks for the next holiday without end, so it needs one after every answer.
    endless = {*holidays, date(2029, 12, 25)}
    rules = library.Rules([work, library.HolidayRule(endless, tz=zone)])
    return lambda start, hours: start + library.BusinessTimeDelta(rules, hours=hours)


def _pandas(holidays: Sequence[date]) -> Answer:
    pandas = _imported("pandas")
    hour = pandas.offsets.CustomBusinessHour(
        start=f"{_OPENS_H:02}:00", end=f"{_CLOSES_H:02}:00", holidays=list(holidays)
    )
    return lambda start, hours: pandas.Timestamp(start) + hour * hours


def _duration(holidays: Sequence[date]) -> Answer:
    library, pandas = _imported("business_duration"), _imported("pandas")
    dated = dict.fromkeys(holidays, "holiday")

    def between(start: datetime, hours: int) -> float:
        # It takes wall time only.
        begin = pandas.Timestamp(start.replace(tzinfo=None))
        return float(
            library.businessDuration(
                begin,
                begin + timedelta(hours=hours),
                wall_time(_OPENS_H),
                wall_time(_CLOSES_H),
                holidaylist=dated,
                unit="hour",
            )
        )

    return between


def _workalendar(holidays: Sequence[date]) -> Answer:
    core = _imported("workalendar.core")

    class Pinned(core.WesternMixin, core.Calendar):  # type: ignore[misc, name-defined] # untyped
        """The same weekends and holidays."""

        FIXED_HOLIDAYS = ()
        include_new_years_day = False

        def get_calendar_holidays(self, year: int) -> list[tuple[date, str]]:
            return [(day, "holiday") for day in holidays if day.year == year]

    pinned = Pinned()
    return lambda start, days: pinned.add_working_days(start.date(), days)


def _bizdays(holidays: Sequence[date]) -> Answer:
    library = _imported("bizdays")
    calendar = library.Calendar(
        list(holidays), ["Saturday", "Sunday"], "2025-01-01", "2029-12-31", financial=False
    )
    return lambda start, days: calendar.offset(start.date(), days)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NotMeasured(f"{name} is not installed; `make bench` installs it") from error


def _questions(amount: int, unit: str) -> list[Question]:
    """Starts inside opening hours of a working day, where all agree what a question means."""
    chance = random.Random(_SEED)
    longest = 200 if "days" in unit else 2000
    calendar = _our_calendar()
    found: list[Question] = []
    while len(found) < amount:
        start = _YEAR + timedelta(seconds=chance.randrange(200 * 86_400))
        if calendar.is_open(start):
            found.append((start, chance.randrange(1, longest)))
    return found


def _compare(name: str, mine: Answer, theirs: Answer, questions: Sequence[Question]) -> None:
    for start, amount in questions:
        left, right = mine(start, amount), theirs(start, amount)
        same = abs(left - right) < 1e-4 if isinstance(left, float) else left == right
        if not same:
            raise NotMeasured(f"{name} differs at {start} + {amount}: {right}, ours {left}")


def _rate(answer: Answer, questions: Sequence[Question]) -> float:
    """Answers per second; given up after two seconds, since some take a tenth each."""
    began = time.perf_counter()
    done = 0
    for start, amount in questions:
        answer(start, amount)
        done += 1
        if not done % 8 and time.perf_counter() - began > _MOST_S:
            break
    return done / (time.perf_counter() - began)
