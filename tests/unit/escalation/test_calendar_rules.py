"""What is open when, and arithmetic on it, in the cases that go wrong elsewhere."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from services.escalation.core.calendar import (
    BusinessTime,
    Edge,
    InvalidCalendarError,
    NeverOpenError,
    Roll,
    parse_calendar,
    segments,
)
from tests.support.calendars import AROUND_THE_CLOCK, OFFICE_HOURS, at, office

HOUR = timedelta(hours=1)
NIGHT = {"mon": [["22:00", "06:00"]], "tue": [["05:00", "09:00"]]}


def hours_on(day: str, **parts: Any) -> timedelta:
    """Open time of one local date."""
    start = at(f"{day} 00:00")
    return office(**parts).between(start, start + timedelta(days=1))


def test_the_first_rule_that_names_a_date_decides_it() -> None:
    day = "2026-10-01"  # a Thursday
    layers = {
        "shifts": {"--10-01": [["09:00", "10:00"]]},
        "holidays": ["--10-01"],
        "make_up_days": {day: [["09:00", "11:00"]]},
    }
    assert hours_on(day) == 8 * HOUR
    assert hours_on(day, shifts=layers["shifts"]) == HOUR
    assert hours_on(day, shifts=layers["shifts"], holidays=["--10-01"]) == 0 * HOUR
    assert hours_on(day, **layers) == 2 * HOUR
    exact = layers | {"shifts": {day: [["09:00", "12:00"]]}}
    assert hours_on(day, **exact) == 3 * HOUR
    assert hours_on(day, **exact | {"holidays": [day]}) == 0 * HOUR


def test_a_surge_adds_hours_even_on_a_holiday_and_a_break_cuts_last() -> None:
    day = "2026-11-11"
    surge = {"surge_days": {day: [["17:00", "23:00"]]}}
    assert hours_on(day, **surge) == 13 * HOUR
    assert hours_on(day, holidays=[day], **surge) == 6 * HOUR
    assert hours_on(day, breaks={day: [["17:30", "18:30"]]}, **surge) == 12 * HOUR


def test_a_make_up_day_works_the_hours_of_the_weekday_it_stands_for() -> None:
    hours = OFFICE_HOURS | {"wed": [["09:00", "10:00"]]}
    assert hours_on("2026-10-10", hours=hours, make_up_days={"2026-10-10": "wed"}) == HOUR


def test_an_overnight_window_belongs_to_its_start_and_joins_the_next() -> None:
    time = office(hours=NIGHT)
    monday = at("2026-11-16 00:00")
    period = next(time.periods_after(monday))
    assert (period.start, period.end) == (at("2026-11-16 22:00"), at("2026-11-17 09:00"))
    assert time.days.count(date(2026, 11, 16), date(2026, 11, 18)) == 2


def test_a_holiday_closes_its_whole_date_and_the_night_that_starts_on_it() -> None:
    start = at("2026-11-16 00:00")
    for holiday, open_hours in (("2026-11-17", 2), ("2026-11-16", 4)):
        time = office(hours=NIGHT, holidays=[holiday])
        assert time.between(start, start + timedelta(days=3)) == open_hours * HOUR


def test_skipped_wall_time_moves_by_the_gap_and_repeated_means_the_first() -> None:
    berlin = office("Europe/Berlin", hours=AROUND_THE_CLOCK)
    skipped = berlin.local_to_instant(datetime(2026, 3, 29, 2, 30))
    assert skipped.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    repeated = berlin.local_to_instant(datetime(2026, 10, 25, 2, 30))
    assert repeated.astimezone(UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_days_of_23_and_25_hours_count_what_they_last() -> None:
    berlin = office("Europe/Berlin", hours=AROUND_THE_CLOCK)
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        start = at(f"{day} 00:00", "Europe/Berlin")
        end = berlin.days.end_of_day(date.fromisoformat(day))
        assert berlin.between(start, end) == hours * HOUR


def test_a_window_inside_the_skipped_hour_is_no_time() -> None:
    berlin = office("Europe/Berlin", hours={"sun": [["02:30", "03:15"]]})
    assert (
        berlin.between(*(at(f"2026-03-{d} 00:00", "Europe/Berlin") for d in (29, 30))) == 0 * HOUR
    )
    assert not berlin.days.is_business_day(date(2026, 3, 29))
    assert berlin.days.is_business_day(date(2026, 4, 5))


def test_a_calendar_without_hours_says_so_instead_of_searching_for_ever() -> None:
    empty = office(hours={})
    now = at("2026-11-20 10:00")
    with pytest.raises(NeverOpenError, match="office is never open after"):
        empty.add(now, HOUR)
    with pytest.raises(NeverOpenError, match="office is never open before"):
        empty.subtract(now, HOUR)
    assert empty.between(now, now + 24 * HOUR) == 0 * HOUR
    assert empty.next_transition(now) is None
    assert empty.previous_transition(now) is None
    assert list(empty.periods_after(now)) == []
    with pytest.raises(NeverOpenError):
        empty.days.date_after(now.date(), 1)


def test_hours_that_end_are_found_from_far_away_and_not_looked_for_after() -> None:
    once = office(hours={}, shifts={"1999-05-05": [["09:00", "10:00"]]})
    now = at("2026-11-20 10:00")
    assert once.subtract(now, HOUR) == at("1999-05-05 09:00")
    with pytest.raises(NeverOpenError):
        once.add(now, HOUR)


def test_around_the_clock_never_changes() -> None:
    always = office(hours=AROUND_THE_CLOCK)
    now = at("2026-11-20 10:00")
    assert always.next_transition(now) is None
    assert always.previous_transition(now) is None
    assert always.add(now, timedelta(days=3650)) == now + timedelta(days=3650)


def test_what_was_asked_before_changes_no_answer() -> None:
    plain = {"timezone": "Asia/Shanghai", "hours": OFFICE_HOURS}
    fresh = [BusinessTime(parse_calendar(plain)) for _ in range(2)]
    now = at("2026-11-20 10:00")
    fresh[0].add(at("1990-01-01 10:00"), HOUR)
    fresh[0].add(at("2050-01-01 10:00"), HOUR)
    for hours in (1, 8, 5_000, 50_000):
        assert fresh[0].add(now, hours * HOUR) == fresh[1].add(now, hours * HOUR)
        assert fresh[0].subtract(now, hours * HOUR) == fresh[1].subtract(now, hours * HOUR)


def test_exact_fit_ends_at_closing_and_zero_moves_into_open_time() -> None:
    time = office()
    assert time.add(at("2026-11-20 16:00"), 2 * HOUR) == at("2026-11-20 18:00")
    assert time.subtract(at("2026-11-20 10:00"), HOUR) == at("2026-11-20 09:00")
    assert time.add(at("2026-11-20 18:00"), 0 * HOUR) == at("2026-11-23 09:00")
    assert time.subtract(at("2026-11-22 12:00"), 0 * HOUR) == at("2026-11-20 18:00")
    assert time.add(at("2026-11-20 16:00"), -HOUR) == at("2026-11-20 15:00")


def test_transitions_and_the_current_period() -> None:
    time = office()
    noon = at("2026-11-20 12:00")
    closing = time.next_transition(noon - HOUR)
    assert closing is not None
    assert (closing.at, closing.becomes) == (noon, Edge.CLOSED)
    opening = time.previous_transition(noon, Edge.OPEN)
    assert opening is not None
    assert opening.at == at("2026-11-20 09:00")
    assert time.current_period(noon) is None
    assert time.current_period(noon - HOUR) == (at("2026-11-20 09:00"), noon)


def test_periods_backward_are_clipped_at_both_ends() -> None:
    found = list(office().periods_before(at("2026-11-20 10:00"), at("2026-11-19 14:00")))
    assert found == [
        (at("2026-11-20 09:00"), at("2026-11-20 10:00")),
        (at("2026-11-19 14:00"), at("2026-11-19 18:00")),
    ]
    first = list(islice(office().periods_after(at("2026-11-20 17:00")), 2))
    assert first[0] == (at("2026-11-20 17:00"), at("2026-11-20 18:00"))
    assert first[1].start == at("2026-11-23 09:00")


def test_business_days_roll_and_close() -> None:
    days = office(holidays=["2026-11-23"]).days
    sunday = date(2026, 11, 22)
    assert days.roll(sunday, Roll.FOLLOWING) == date(2026, 11, 24)
    assert days.roll(sunday, Roll.PRECEDING) == date(2026, 11, 20)
    assert days.roll(sunday, Roll.NONE) == sunday
    assert days.close_of_business(date(2026, 11, 20)) == at("2026-11-20 18:00")
    assert days.close_of_business(sunday) == at("2026-11-23 00:00")
    assert days.add(at("2026-11-20 20:00"), 1) == at("2026-11-25 09:00")
    assert days.subtract(at("2026-11-24 20:00"), 1) == at("2026-11-20 18:00")


def test_results_beyond_the_horizon_are_provisional_and_bounded_from_below() -> None:
    time = office(horizon="2026-12-31")
    start = at("2026-12-31 17:00")
    assert not time.is_provisional(time.add(start, HOUR))
    due = time.add(start, 9 * HOUR)
    assert due == at("2027-01-01 18:00")
    assert time.is_provisional(due)
    # 2 January is a Saturday: it may be decreed a working day.
    assert time.optimistic.add(start, 17 * HOUR) == at("2027-01-02 18:00")
    assert office().optimistic is office()


def test_the_digest_names_the_content() -> None:
    one, same = office(), office()
    assert one is same
    assert one.calendar.digest.startswith("sha256:")
    assert office(holidays=["2026-10-01"]).calendar != one.calendar
    again = parse_calendar(one.calendar.to_plain())
    assert again == one.calendar
    assert again.digest == one.calendar.digest


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"timezone": "Mars/Olympus"}, "IANA"),
        ({"hours": {"monday": []}}, "unknown weekdays: monday"),
        ({"hours": {"mon": [["9:00", "17:00"]]}}, "not a time of day"),
        ({"hours": {"mon": [["09:00", "24:01"]]}}, "not a time of day"),
        ({"hours": {"mon": [["09:00", "09:00"]]}}, "empty window"),
        ({"hours": {"mon": [["09:00"]]}}, "not a pair"),
        ({"hours": {"mon": [["09:00", "12:00"], ["11:00", "17:00"]]}}, "overlaps"),
        ({"hours": [["09:00", "17:00"]]}, "must map"),
        ({"holidays": ["2026-02-30"]}, "not a date"),
        ({"make_up_days": {"2026-10-10": "funday"}}, "not a weekday"),
        ({"closed": []}, "unknown parts: closed"),
    ],
)
def test_nonsense_is_refused_with_its_place(parts: dict[str, object], message: str) -> None:
    plain: dict[str, object] = {"timezone": "UTC", "hours": OFFICE_HOURS}
    with pytest.raises(InvalidCalendarError, match=message):
        parse_calendar(plain | parts)


def test_naive_datetimes_are_refused() -> None:
    with pytest.raises(TypeError, match="offset-naive"):
        office().add(datetime(2026, 11, 20, 10), HOUR)


def test_segments_say_why_each_stretch_counts() -> None:
    time = office(
        holidays=["2026-10-01"],
        make_up_days={"2026-10-10": "fri"},
        breaks={"2026-09-30": [["16:00", "17:00"]]},
        surge_days={"2026-09-30": [["18:00", "20:00"]]},
    )
    steps = [
        (step.start.strftime("%d %H:%M"), step.counted // HOUR, step.why)
        for step in segments(time, at("2026-09-30 15:00"), at("2026-10-02 10:00"))
    ]
    assert steps == [
        ("30 15:00", 1, "open hours"),
        ("30 16:00", 0, "break"),
        ("30 17:00", 1, "open hours"),
        ("30 18:00", 2, "open: surge day 2026-09-30"),
        ("30 20:00", 0, "closed: outside hours"),
        ("01 00:00", 0, "closed: holiday 2026-10-01"),
        ("02 00:00", 0, "closed: outside hours"),
        ("02 09:00", 1, "open hours"),
    ]
    made_up = segments(time, at("2026-10-10 09:00"), at("2026-10-10 10:00"))
    assert [step.why for step in made_up] == ["open: make-up day 2026-10-10"]
