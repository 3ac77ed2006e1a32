"""The short way to a due instant leads where the whole arithmetic of clocks leads."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.pack_clocks import Budget
from services.escalation.core.clock import due, thresholds
from services.escalation.core.deadlines import DeadlineKind, clock_of, deadlines, due_of
from services.escalation.core.records import ClockRecord
from tests.support.ladder import Ladder

LADDER = Ladder()
LADDER.open()
CALENDARS = sorted(LADDER.policy.calendars)
TIMES = st.timedeltas(timedelta(minutes=1), timedelta(days=90))
AMOUNTS = st.one_of(
    st.tuples(st.sampled_from(["elapsed", "business"]), TIMES),
    st.tuples(
        st.sampled_from(["business_days", "calendar_days", "weeks", "months"]), st.integers(0, 9)
    ),
)
STARTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)).map(
    lambda wall: wall.replace(tzinfo=next(iter(LADDER.policy.calendars.values())).zone)
)


@given(AMOUNTS, st.sampled_from(CALENDARS), STARTS)
def test_a_clock_that_nothing_holds_is_due_where_the_whole_arithmetic_says(
    amount: tuple[str, timedelta | int], calendar: str, started_at: datetime
) -> None:
    unit, much = amount
    record = ClockRecord(
        name="any",
        kind="service",
        episode=1,
        started_at=started_at,
        started_by=UUID(int=1),
        budget=Budget.model_validate({"amount": much, "unit": unit, "calendar": calendar}),
        warn_at_percent=(50, 80),
    )
    state = LADDER.state
    state.clocks = [record]
    whole = clock_of(record, state, LADDER.policy)
    assert whole is not None
    time = LADDER.policy.calendars[calendar]
    assert due_of(record, state, LADDER.policy) == due(whole, time)
    warned = [
        (found.percent, found.at)
        for found in deadlines(state, LADDER.policy)
        if found.kind is DeadlineKind.WARNING
    ]
    assert sorted(warned) == sorted(thresholds(whole, time))
