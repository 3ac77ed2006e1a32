"""Holidays by rule, beside dates that the library `holidays` gives."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from holidays import country_holidays
from holidays.holiday_base import HolidayBase

from services.escalation.core.calendar import compile_calendar, parse_calendar
from services.escalation.core.calendar.holiday_rules import dates_of
from services.escalation.core.calendar.window import InvalidCalendarError

US = country_holidays("US", years=range(1990, 2100))
ENGLAND = country_holidays("GB", subdiv="ENG", years=range(1990, 2100))


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        ("last mon of may", "Memorial Day", US),
        ("first mon of sep", "Labor Day", US),
        ("fourth thu of nov", "Thanksgiving Day", US),
        ("easter - 2", "Good Friday", ENGLAND),
        ("easter + 1", "Easter Monday", ENGLAND),
    ],
)
def test_rules_give_the_dates_that_others_know(rule: str, name: str, source: HolidayBase) -> None:
    assert set(dates_of(rule)) == set(source.get_named(name))


@pytest.mark.parametrize("rule", ["fifth mon of may", "last mon", "easter 1", "someday", ""])
def test_words_that_are_no_rule_are_refused(rule: str) -> None:
    with pytest.raises(InvalidCalendarError, match="neither a date"):
        dates_of(rule)


def test_a_calendar_is_closed_by_rule() -> None:
    plain = {
        "timezone": "Europe/London",
        "hours": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]},
        "holidays": ["easter + 1", "last mon of may"],
    }
    calendar = parse_calendar(plain)
    assert calendar.is_holiday(date(2026, 4, 6))
    time = compile_calendar(calendar)
    assert not time.is_open(datetime.fromisoformat("2026-05-25T10:00:00+01:00"))
    assert time.is_open(datetime.fromisoformat("2026-05-26T10:00:00+01:00"))
    again = parse_calendar(calendar.to_plain())
    assert again.digest == calendar.digest
