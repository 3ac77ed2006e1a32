"""The pinned Chinese calendar against the library that it must agree with."""

from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
import yaml

from services.escalation.core.calendar import BusinessTime, compile_calendar, parse_calendar

PINNED = Path(__file__).parents[3] / "packs" / "calendars" / "cn.yaml"


@pytest.fixture(scope="module")
def china() -> BusinessTime:
    return compile_calendar(parse_calendar(yaml.safe_load(PINNED.read_text(encoding="utf-8"))))


def test_every_date_is_worked_or_not_as_the_library_says(china: BusinessTime) -> None:
    library = holidays.country_holidays("CN")
    first, last = date(2025, 1, 1), china.calendar.horizon
    assert last == date(2026, 12, 31)
    dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    differing = [
        day for day in dates if china.days.is_business_day(day) != library.is_working_day(day)
    ]
    assert differing == []


def test_work_on_weekends_is_made_up_as_the_notice_for_2026_says(china: BusinessTime) -> None:
    made_up = {day for day in china.calendar.make_up_days if day.year == 2026}
    assert {(day.month, day.day) for day in made_up} == {
        (1, 4),
        (2, 14),
        (2, 28),
        (5, 9),
        (9, 20),
        (10, 10),
    }
