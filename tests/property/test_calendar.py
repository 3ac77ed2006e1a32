"""Laws of business time and clocks, on calendars that nobody chose."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.escalation.core.calendar import (
    BusinessTime,
    NeverOpenError,
    compile_calendar,
    parse_calendar,
    segments,
)
from services.escalation.core.clock import (
    Budget,
    Clock,
    ClockSpec,
    EndRule,
    Unit,
    business,
    due,
    from_json,
    pause,
    remaining,
    resume,
    start,
    to_json,
)
from tests.support.calendars import WEEK

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Asia/Tehran")
FIRST, LAST = date(2018, 3, 1), date(2018, 12, 31)
"""A span with clock changes in Berlin, Tehran and, at midnight, Sao Paulo."""

LAW = settings(deadline=None, max_examples=50)

times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
dates = st.dates(FIRST, LAST)
instants = st.datetimes(
    datetime(2018, 3, 1),
    datetime(2018, 12, 31),
    timezones=st.just(UTC),  # given a zone
)
amounts = st.timedeltas(timedelta(0), timedelta(days=40))


@st.composite
def windows(draw: st.DrawFn) -> list[list[str]]:
    """Up to two windows of one day; the last may run over midnight."""
    edges = sorted(draw(st.lists(times, min_size=2, max_size=4, unique=True)))[:4]
    pairs = [list(pair) for pair in zip(edges[::2], edges[1::2], strict=False)]
    if draw(st.booleans()) and pairs[-1][1] > "20":
        pairs[-1][1] = "00:15"
    return pairs if pairs[-1][0] != pairs[-1][1] else pairs[:-1]


@st.composite
def calendars(draw: st.DrawFn) -> dict[str, Any]:
    """Plain calendars that are open at least once a week."""
    weekdays = draw(st.lists(st.sampled_from(WEEK), min_size=1, unique=True))
    exceptions = {"shifts", "make_up_days", "surge_days", "breaks"}
    plain: dict[str, Any] = {
        part: {str(day): draw(windows()) for day in draw(st.lists(dates, max_size=3))}
        for part in sorted(exceptions)
    }
    plain["timezone"] = draw(st.sampled_from(ZONES))
    plain["hours"] = {weekday: draw(windows()) for weekday in weekdays}
    plain["holidays"] = [str(day) for day in draw(st.lists(dates, max_size=5, unique=True))]
    return plain


def compiled(plain: dict[str, Any]) -> BusinessTime:
    time = compile_calendar(parse_calendar(plain))
    assume(any(time.calendar.weekly))
    return time


def walked(time: BusinessTime, begin: datetime, end: datetime) -> timedelta:
    """Open time by looking at every quarter of an hour: all edges lie on one."""
    step, total, at = timedelta(minutes=15), timedelta(0), begin
    while at < end:
        total += step * time.is_open(at)
        at += step
    return total


@LAW
@given(calendars(), instants, amounts)
def test_between_is_the_inverse_of_add(
    plain: dict[str, Any], begin: datetime, amount: timedelta
) -> None:
    time = compiled(plain)
    assert time.between(begin, time.add(begin, amount)) == amount
    assert time.between(time.subtract(begin, amount), begin) == amount


@LAW
@given(calendars(), instants, instants, instants)
def test_splitting_a_span_changes_nothing(
    plain: dict[str, Any], one: datetime, two: datetime, three: datetime
) -> None:
    time = compiled(plain)
    first, middle, last = sorted((one, two, three))
    whole = time.between(first, last)
    assert time.between(first, middle) + time.between(middle, last) == whole
    assert time.between(last, first) == timedelta(0) or first == last


@LAW
@given(calendars(), instants, amounts, amounts)
def test_adding_in_two_parts_is_adding_the_sum(
    plain: dict[str, Any], begin: datetime, one: timedelta, two: timedelta
) -> None:
    time = compiled(plain)
    assume(two > timedelta(0))
    assert time.add(time.add(begin, one), two) == time.add(begin, one + two)


@LAW
@given(calendars(), st.integers(0, 300 * 96), st.integers(1, 12 * 96))
def test_between_is_what_a_walk_finds(plain: dict[str, Any], offset: int, quarters: int) -> None:
    time = compiled(plain)
    begin = datetime(2018, 3, 1, tzinfo=UTC) + offset * timedelta(minutes=15)
    end = begin + quarters * timedelta(minutes=15)
    assert time.between(begin, end) == walked(time, begin, end)


@LAW
@given(calendars(), instants, amounts, dates)
def test_a_holiday_more_makes_no_deadline_earlier(
    plain: dict[str, Any], begin: datetime, amount: timedelta, day: date
) -> None:
    fewer = compiled(plain)
    more = compiled(plain | {"holidays": [*plain["holidays"], str(day)]})
    # The span of the holiday's own surge stays open either way.
    assert more.add(begin, amount) >= fewer.add(begin, amount)
    assert more.days.add(begin, 5) >= fewer.days.add(begin, 5)


@LAW
@given(calendars(), instants, amounts)
def test_every_result_is_open_or_a_closing(
    plain: dict[str, Any], begin: datetime, amount: timedelta
) -> None:
    time = compiled(plain)
    end = time.add(begin, amount)
    assert time.snap_backward(end) == end
    assert time.snap_forward(begin) >= begin


@LAW
@given(calendars(), instants, st.timedeltas(timedelta(minutes=1), timedelta(days=9)))
def test_segments_leave_no_hole_and_count_what_between_does(
    plain: dict[str, Any], begin: datetime, length: timedelta
) -> None:
    time = compiled(plain)
    found = segments(time, begin, begin + length)
    assert found[0].start == begin
    assert found[-1].end == begin + length
    assert all(one.end == two.start for one, two in itertools.pairwise(found))
    assert sum((each.counted for each in found), timedelta(0)) == time.between(
        begin, begin + length
    )
    assert all(each.counted in (timedelta(0), _length(each.start, each.end)) for each in found)


def _length(begin: datetime, end: datetime) -> timedelta:
    return end.astimezone(UTC) - begin.astimezone(UTC)


def _clock(time: BusinessTime, begin: datetime, budget: timedelta) -> Clock:
    return start(ClockSpec("resolution", business(budget)), begin, time.calendar.digest)


@LAW
@given(calendars(), instants, amounts, st.lists(amounts, min_size=2, max_size=6))
def test_pause_then_resume_leaves_the_remaining_budget(
    plain: dict[str, Any], begin: datetime, budget: timedelta, gaps: list[timedelta]
) -> None:
    time = compiled(plain)
    assume(budget > timedelta(0))  # what is used up from the start cannot be held
    clock, at = _clock(time, begin, budget), begin
    for running, held in zip(gaps[::2], gaps[1::2], strict=False):
        at += running
        due_at = due(clock, time).at
        assume(due_at is not None and at < due_at)
        before = remaining(clock, time, at)
        clock = pause(clock, at, "waiting", "A1").clock
        assert remaining(clock, time, at + held) == before
        at += held
        clock = resume(clock, at).clock
        assert remaining(clock, time, at) == before
    assert from_json(to_json(clock)) == clock


@LAW
@given(
    calendars(),
    instants,
    st.one_of(
        amounts.map(business),
        st.integers(0, 20).map(lambda count: Budget(Unit.BUSINESS_DAYS, count=count)),
    ),
    st.sampled_from(EndRule),
    st.lists(dates, max_size=6),
    st.dictionaries(dates, st.sampled_from(WEEK), max_size=6),
)
def test_no_decree_beyond_the_horizon_beats_the_earliest_instant(
    plain: dict[str, Any],
    begin: datetime,
    budget: Budget,
    end: EndRule,
    decreed_off: list[date],
    decreed_on: dict[date, str],
) -> None:
    horizon = begin.date()
    written = {**plain, "horizon": str(horizon), "shifts": {}, "make_up_days": {}}
    written |= {"surge_days": {}, "breaks": {}, "holidays": []}
    known = compiled(written)
    off = [str(day) for day in decreed_off if day > horizon]
    on = {str(day): weekday for day, weekday in decreed_on.items() if day > horizon}
    decreed = compiled({**written, "holidays": off, "make_up_days": on})
    spec = ClockSpec("resolution", budget, end=end)
    found = due(start(spec, begin, known.calendar.digest), known)
    if not found.provisional:
        return
    actual = due(start(spec, begin, decreed.calendar.digest), decreed).at
    assert actual is not None
    assert found.earliest is not None
    assert found.earliest <= actual


@LAW
@given(instants)
def test_a_calendar_that_never_opens_says_so(begin: datetime) -> None:
    time = compile_calendar(parse_calendar({"timezone": "UTC"}))
    try:
        time.add(begin, timedelta(hours=1))
    except NeverOpenError:
        return
    raise AssertionError("an end was found in a calendar that never opens")
