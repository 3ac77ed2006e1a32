"""Clocks: what enters the ledger, what is refused, and what is derived from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.escalation.core.calendar import BusinessTime, Roll
from services.escalation.core.clock import (
    Budget,
    Clock,
    ClockSpec,
    EndRule,
    Entry,
    Extension,
    Kind,
    Sender,
    Unit,
    UpdateRule,
    WrongCalendarError,
    after_message,
    business,
    due,
    elapsed,
    elapsed_time,
    explain,
    extend,
    format_duration,
    from_json,
    level_reached,
    parse_budget,
    parse_duration,
    pause,
    percent_elapsed,
    raised,
    remaining,
    reopen,
    resume,
    start,
    state_at,
    stop,
    thresholds,
    to_json,
)
from tests.support.calendars import AROUND_THE_CLOCK, at, office

HOUR = timedelta(hours=1)
FRIDAY_10 = at("2026-11-20 10:00")


def running(budget: Budget, time: BusinessTime, begun: datetime = FRIDAY_10, **more: Any) -> Clock:
    """A clock that has just been started."""
    return start(ClockSpec("resolution", budget, **more), begun, time.calendar.digest)


def days(count: int, unit: Unit = Unit.BUSINESS_DAYS) -> Budget:
    return Budget(unit, count=count)


def test_a_pause_over_a_weekend_gives_back_only_open_time() -> None:
    time = office()
    clock = running(business(4 * HOUR), time)
    assert due(clock, time).at == at("2026-11-20 15:00")
    clock = pause(clock, at("2026-11-20 11:00"), "waiting_customer", "A1024").clock
    assert due(clock, time).at is None
    assert due(clock, time, at("2026-11-21 20:00")).at == at("2026-11-23 12:00")
    assert remaining(clock, time, at("2026-11-21 20:00")) == 3 * HOUR
    clock = resume(clock, at("2026-11-21 20:00")).clock
    assert due(clock, time).at == at("2026-11-23 12:00")
    assert elapsed_time(clock, time, at("2026-11-23 10:00")) == 2 * HOUR


def test_a_pause_after_the_due_instant_gives_nothing_back() -> None:
    time = office()
    clock = running(business(HOUR), time)
    late = pause(clock, at("2026-11-20 11:00"), "waiting", "A1").clock
    assert due(late, time).at == at("2026-11-20 11:00")
    assert remaining(late, time, at("2026-11-20 14:00")) == -2 * HOUR


def test_a_pause_with_an_end_in_view_runs_on_by_itself() -> None:
    time = office()
    clock = running(business(2 * HOUR), time)
    clock = pause(clock, at("2026-11-20 11:00"), "waiting", "A1", at("2026-11-20 14:00")).clock
    assert due(clock, time).at == at("2026-11-20 15:00")
    assert state_at(clock, at("2026-11-20 13:59")) == "paused"
    assert state_at(clock, at("2026-11-20 14:00")) == "running"
    assert resume(clock, at("2026-11-20 14:30")).entry is Entry.NOT_PAUSED


def test_pauses_end_at_the_cap_and_are_refused_after_it() -> None:
    time = office()
    clock = running(business(8 * HOUR), time, pause_cap=2 * HOUR)
    clock = pause(clock, FRIDAY_10, "waiting", "A1").clock
    assert due(clock, time).at == at("2026-11-23 12:00")
    clock = resume(clock, FRIDAY_10 + HOUR).clock
    second = pause(clock, FRIDAY_10 + 3 * HOUR, "waiting", "A1").clock
    assert second.pauses[-1].until == FRIDAY_10 + 4 * HOUR
    assert pause(second, FRIDAY_10 + 5 * HOUR, "waiting", "A1").entry is Entry.PAUSE_CAP_REACHED


def test_a_clock_honours_only_the_pauses_it_may() -> None:
    time = office()
    statutory = running(days(10), time, kind=Kind.STATUTORY, pausable_for=frozenset({"appraisal"}))
    assert pause(statutory, FRIDAY_10, "waiting_customer", "A1").entry is Entry.NOT_PAUSABLE
    assert pause(statutory, FRIDAY_10, "appraisal", "A1").entry is Entry.PAUSED


def test_entries_that_make_no_sense_change_nothing() -> None:
    time = office()
    clock = running(business(HOUR), time)
    held = pause(clock, FRIDAY_10, "waiting", "A1").clock
    done = stop(clock, FRIDAY_10 + HOUR, "met").clock
    assert pause(held, FRIDAY_10 + HOUR, "again", "A1") == (held, Entry.ALREADY_PAUSED)
    assert resume(clock, FRIDAY_10) == (clock, Entry.NOT_PAUSED)
    assert reopen(clock, FRIDAY_10, "customer") == (clock, Entry.NOT_STOPPED)
    for change in (stop(done, FRIDAY_10, "met"), pause(done, FRIDAY_10, "waiting", "A1")):
        assert change == (done, Entry.ALREADY_STOPPED)


def test_a_reopened_clock_runs_on_without_the_closed_span() -> None:
    time = office()
    clock = stop(running(business(4 * HOUR), time), at("2026-11-20 11:00"), "resolved").clock
    assert remaining(clock, time, at("2026-11-24 10:00")) == 3 * HOUR
    clock = reopen(clock, at("2026-11-23 10:00"), "customer").clock
    assert due(clock, time).at == at("2026-11-23 14:00")


def test_an_extension_is_bounded_and_must_come_before_due() -> None:
    time = office()
    month = days(30, Unit.CALENDAR_DAYS)
    clock = running(month, time, extension_max=month)
    due_at = due(clock, time).at

    def asked(count: int, when: datetime) -> Extension:
        return Extension(when, days(count, Unit.CALENDAR_DAYS), "complex", "head of complaints")

    extended = extend(clock, asked(30, FRIDAY_10), due_at).clock
    assert due(extended, time).at == at("2027-01-19 10:00")
    assert extend(extended, asked(1, FRIDAY_10), due_at).entry is Entry.EXTENSION_BOUND
    assert extend(clock, asked(0, FRIDAY_10), due_at).entry is Entry.EXTENSION_BOUND
    assert extend(clock, asked(30, at("2026-12-20 10:00")), due_at).entry is Entry.AFTER_DUE


@pytest.mark.parametrize(
    ("budget", "end", "roll", "expected"),
    [
        (elapsed(48 * HOUR), EndRule.SAME_TIME, Roll.NONE, "2026-11-22 10:00"),
        (days(1), EndRule.SAME_TIME, Roll.NONE, "2026-11-23 10:00"),
        (days(1), EndRule.END_OF_DAY, Roll.NONE, "2026-11-24 00:00"),
        (days(1), EndRule.CLOSE_OF_BUSINESS, Roll.NONE, "2026-11-23 18:00"),
        (days(1, Unit.CALENDAR_DAYS), EndRule.END_OF_DAY, Roll.NONE, "2026-11-22 00:00"),
        (days(1, Unit.CALENDAR_DAYS), EndRule.END_OF_DAY, Roll.FOLLOWING, "2026-11-24 00:00"),
        (days(1, Unit.CALENDAR_DAYS), EndRule.SAME_TIME, Roll.PRECEDING, "2026-11-20 10:00"),
        (days(8, Unit.WEEKS), EndRule.END_OF_DAY, Roll.NONE, "2027-01-16 00:00"),
        (days(6, Unit.MONTHS), EndRule.END_OF_DAY, Roll.NONE, "2027-05-21 00:00"),
    ],
)
def test_units_end_rules_and_rolls(budget: Budget, end: EndRule, roll: Roll, expected: str) -> None:
    time = office()
    clock = running(budget, time, end=end, roll=roll)
    assert due(clock, time).at == at(expected)
    assert due(replace(clock, spec=replace(clock.spec, roll=Roll.NONE)), time).at == (
        due(clock, time).strict
    )


def test_a_month_ends_where_the_month_does() -> None:
    time = office()
    clock = running(days(3, Unit.MONTHS), time, begun=at("2026-11-30 10:00"))
    assert due(clock, time).at == at("2027-02-28 10:00")


def test_a_day_deadline_moves_by_the_business_time_of_its_pauses() -> None:
    time = office()
    clock = pause(running(days(2), time), at("2026-11-20 12:00"), "waiting", "A1").clock
    clock = resume(clock, at("2026-11-23 12:00")).clock
    assert due(clock, time).at == at("2026-11-25 10:00")


def test_elapsed_time_is_exact_through_the_repeated_hour() -> None:
    time = office("Europe/Berlin", hours=AROUND_THE_CLOCK)
    clock = running(elapsed(3 * HOUR), time, begun=at("2026-10-25 01:00", "Europe/Berlin"))
    assert due(clock, time).at == datetime(2026, 10, 25, 2, tzinfo=UTC)
    first = at("2026-10-25 02:30", "Europe/Berlin")
    clock = pause(clock, first, "waiting", "A1").clock
    assert state_at(clock, first.replace(fold=1)) == "paused"
    clock = resume(clock, first.replace(fold=1)).clock
    assert due(clock, time).at == datetime(2026, 10, 25, 3, tzinfo=UTC)


def test_beyond_the_horizon_a_clock_is_provisional_and_has_an_earliest_instant() -> None:
    time = office(horizon="2026-12-31")
    begun = at("2026-12-30 10:00")
    near = due(running(days(1), time, begun=begun), time)
    assert (near.provisional, near.earliest) == (False, None)
    far = due(running(days(3), time, begun=begun), time)
    assert far.at == at("2027-01-04 10:00")
    assert (far.provisional, far.earliest) == (True, at("2027-01-02 10:00"))
    closing = running(days(3), time, begun=begun, end=EndRule.CLOSE_OF_BUSINESS)
    assert due(closing, time).earliest == at("2027-01-02 00:00")
    back = days(3, Unit.CALENDAR_DAYS)
    rolled = due(running(back, time, begun=begun, roll=Roll.PRECEDING), time)
    assert rolled.earliest == at("2026-12-31 10:00")


def test_another_calendar_is_refused() -> None:
    with pytest.raises(WrongCalendarError, match="pinned to sha256:"):
        due(running(business(HOUR), office()), office(holidays=["2026-10-01"]))


def test_thresholds_and_percentages_follow_pauses() -> None:
    time = office()
    clock = running(business(4 * HOUR), time, thresholds=(50, 75, 100))
    clock = pause(clock, at("2026-11-20 11:00"), "waiting", "A1").clock
    clock = resume(clock, at("2026-11-20 13:00")).clock
    assert thresholds(clock, time) == (
        (50, at("2026-11-20 14:00")),
        (75, at("2026-11-20 15:00")),
        (100, at("2026-11-20 16:00")),
    )
    assert percent_elapsed(clock, time, at("2026-11-20 14:00")) == 50
    assert percent_elapsed(clock, time, at("2026-11-24 14:00")) == 100
    held = pause(clock, at("2026-11-20 14:30"), "waiting", "A1").clock
    assert thresholds(held, time) == ((50, at("2026-11-20 14:00")),)
    whole_days = running(days(2), time, thresholds=(50,))
    assert thresholds(whole_days, time) == ((50, at("2026-11-23 10:00")),)


def test_levels_skip_but_never_repeat_or_fall() -> None:
    assert level_reached(95, (50, 75, 90), 0) == 3
    assert level_reached(95, (50, 75, 90), 3) is None
    assert raised(2, 1) == 2


def test_imports_resume_with_the_budget_that_is_left() -> None:
    time = office()
    spec = ClockSpec("resolution", business(4 * HOUR), thresholds=(50,))
    clock = start(spec, FRIDAY_10, time.calendar.digest, consumed=3 * HOUR)
    assert due(clock, time).at == at("2026-11-20 11:00")
    assert percent_elapsed(clock, time, FRIDAY_10) == 75
    spent = start(spec, FRIDAY_10, time.calendar.digest, consumed=9 * HOUR)
    assert due(spent, time).at == FRIDAY_10
    with pytest.raises(ValueError, match="counts dates"):
        start(ClockSpec("reply", days(15)), FRIDAY_10, time.calendar.digest, consumed=HOUR)


def test_next_update_answers_the_customer_once() -> None:
    time = office()
    fresh = (ClockSpec("update", business(2 * HOUR)), time.calendar.digest)
    rule = UpdateRule.ANSWER_CUSTOMER
    clock = after_message(None, rule, Sender.AGENT, FRIDAY_10, fresh)
    assert clock is None
    clock = after_message(clock, rule, Sender.CUSTOMER, FRIDAY_10, fresh)
    assert clock is not None
    assert after_message(clock, rule, Sender.CUSTOMER, FRIDAY_10 + HOUR, fresh) == clock
    answered = after_message(clock, rule, Sender.AGENT, FRIDAY_10 + HOUR, fresh)
    assert answered is not None
    assert answered.stopped_at == FRIDAY_10 + HOUR
    again = after_message(answered, rule, Sender.CUSTOMER, FRIDAY_10 + 4 * HOUR, fresh)
    assert again is not None
    assert due(again, time).at == at("2026-11-20 16:00")


def test_next_update_keeps_the_customer_informed() -> None:
    time = office()
    fresh = (ClockSpec("update", business(2 * HOUR)), time.calendar.digest)
    rule = UpdateRule.KEEP_INFORMED
    clock = after_message(None, rule, Sender.CUSTOMER, FRIDAY_10, fresh)
    assert clock is not None
    assert after_message(clock, rule, Sender.CUSTOMER, FRIDAY_10 + HOUR, fresh) == clock
    held = pause(clock, FRIDAY_10 + HOUR, "waiting", "A1").clock
    told = after_message(held, rule, Sender.AGENT, FRIDAY_10 + HOUR, fresh)
    assert told is not None
    assert told.started_at == FRIDAY_10 + HOUR
    assert due(told, time).at is None, "it begins as paused as the one before it"


def test_explain_is_the_arithmetic_without_holes() -> None:
    time = office(holidays=["2026-11-23"])
    clock = pause(running(business(7 * HOUR), time), at("2026-11-20 16:00"), "waiting", "A1").clock
    clock = resume(clock, at("2026-11-20 17:00")).clock
    shown = [step.to_json() for step in explain(clock, time)]
    assert [(step["from"][8:16], step["counted"], step["why"]) for step in shown] == [
        ("20T10:00", "PT2H", "open hours"),
        ("20T12:00", "PT0S", "closed: outside hours"),
        ("20T13:00", "PT3H", "open hours"),
        ("20T16:00", "PT0S", "paused: waiting"),
        ("20T17:00", "PT1H", "open hours"),
        ("20T18:00", "PT0S", "closed: outside hours"),
        ("23T00:00", "PT0S", "closed: holiday 2026-11-23"),
        ("24T00:00", "PT0S", "closed: outside hours"),
        ("24T09:00", "PT1H", "open hours"),
    ]
    assert [step["to"] for step in shown[:-1]] == [step["from"] for step in shown[1:]]
    assert shown[-1]["to"] == "2026-11-24T10:00:00+08:00"


def test_explain_counts_dates_where_the_clock_does() -> None:
    time = office(holidays=["2026-11-23"])
    clock = running(days(2), time, end=EndRule.END_OF_DAY)
    assert [(step.counted, step.why) for step in explain(clock, time)] == [
        ("P0D", "day 0: the local date of the start"),
        ("P0D", "closed: outside hours"),
        ("P0D", "closed: outside hours"),
        ("P0D", "closed: holiday 2026-11-23"),
        ("P1D", "business day 1"),
        ("P1D", "business day 2"),
    ]
    ended = running(business(HOUR), time, end=EndRule.END_OF_DAY)
    assert [step.why for step in explain(ended, time)] == ["open hours", "end of day, roll none"]


def test_a_clock_survives_the_journey_through_json() -> None:
    time = office()
    bound = days(5)
    clock = running(
        days(10),
        time,
        kind=Kind.STATUTORY,
        end=EndRule.END_OF_DAY,
        roll=Roll.FOLLOWING,
        pausable_for=frozenset({"appraisal"}),
        pause_cap=90 * HOUR,
        thresholds=(50, 90),
        extension_max=bound,
        stops_on=("case.resolved",),
        citation="12 CFR 1005.11(c)(1)",
        verified="P",
    )
    clock = pause(clock, FRIDAY_10 + HOUR, "appraisal", "A1").clock
    clock = extend(clock, Extension(FRIDAY_10 + HOUR, bound, "complex", "head"), None).clock
    clock = stop(clock, FRIDAY_10 + 2 * HOUR, "met").clock
    document = to_json(clock)
    assert document["spec"]["budget"] == "P10D"
    assert document["started_at"] == "2026-11-20T02:00:00+00:00"
    assert from_json(document) == clock
    assert to_json(from_json(document)) == document


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("PT27H46M40S", timedelta(seconds=100_000)),
        ("-PT1H", -HOUR),
        ("PT0S", timedelta(0)),
        ("PT0.000001S", timedelta(microseconds=1)),
        ("PT1H0.5S", timedelta(hours=1, milliseconds=500)),
    ],
)
def test_durations_are_written_and_read(text: str, time: timedelta) -> None:
    assert format_duration(time) == text
    assert parse_duration(text) == time


def test_budgets_are_read_with_their_unit() -> None:
    assert parse_budget("P10D", Unit.BUSINESS_DAYS) == days(10)
    assert parse_budget("P1DT1H", Unit.ELAPSED) == elapsed(25 * HOUR)
    assert parse_budget("P8W", Unit.WEEKS).to_text() == "P8W"
    assert parse_budget("-P2D", Unit.BUSINESS_DAYS).to_text() == "-P2D"
    for text, unit in (("PT1H", Unit.WEEKS), ("P1M", Unit.WEEKS), ("P", Unit.ELAPSED)):
        with pytest.raises(ValueError, match="is not a"):
            parse_budget(text, unit)
    with pytest.raises(ValueError, match="cannot be added"):
        days(1).plus(days(1, Unit.WEEKS))
