"""Linking a case to an incident and unlinking it again costs it nothing but the pause."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.escalation import ClockResumed
from services.escalation.core.explain import explain
from services.escalation.core.policy import instant_after
from services.escalation.core.replay import replay
from tests.property.test_engine import STARTS, STORY, tell
from tests.support.ladder import CASE, Ladder

MINUTES = st.integers(0, 60 * 24 * 3)


def lived(story: list[tuple[str, str]]) -> Ladder:
    """A case to which things have happened, that runs and is linked to nothing."""
    ladder = Ladder()
    ladder.open(STARTS)
    for step in story:
        if not step[1].startswith("incident"):
            tell(ladder, step)
    ladder.wake(ladder.now)
    return ladder


def word(ladder: Ladder, name: str, minutes: int = 0, **fields: Any) -> None:
    ladder.now += timedelta(minutes=minutes)
    ladder.event(f"incident.{name}", ladder.now, incident_id=CASE, **fields)


def promises(ladder: Ladder) -> list[tuple[Any, ...]]:
    """What the ladder says of each of its clocks."""
    shown = ("name", "state", "started_at", "budget", "due_at", "missed_at", "ended_at")
    clocks = ladder.view()["clocks"]
    return sorted(tuple(str(clock[name]) for name in shown) for clock in clocks)


@given(STORY, st.lists(st.integers(0, 60 * 24 * 2), max_size=6))
@settings(max_examples=80, deadline=None)
def test_an_incident_that_says_nothing_any_more_holds_no_case(
    story: list[tuple[str, str]], gaps: list[int]
) -> None:
    ladder = lived(story)
    assume(ladder.state.stopped is None)
    word(ladder, "linked")
    for gap in gaps:
        word(ladder, "updated", gap)
    assume(ladder.state.stopped is None)
    rule = ladder.policy.pack.incident.max_silence
    assert rule is not None
    last = ladder.now
    ladder.run_until(last + timedelta(days=12))
    (held, *_) = [pause for pause in reversed(ladder.state.pauses) if pause.cause == "incident"]
    assert held.ended_at is not None
    assert ladder.state.stopped or held.ended_at == instant_after(ladder.policy, rule, last)
    replayed = replay(ladder.journal(), ladder.policy)
    assert explain(replayed.state, ladder.policy) == explain(ladder.state, ladder.policy)


@given(STORY, st.lists(st.integers(0, 60), max_size=20), st.integers(0, 60))
@settings(max_examples=80, deadline=None)
def test_unlinking_leaves_nothing_of_what_the_incident_said(
    story: list[tuple[str, str]], gaps: list[int], last: int
) -> None:
    told, untold = lived(story), lived(story)
    assume(told.state.stopped is None)
    word(told, "linked")
    word(untold, "linked")
    for gap in gaps:
        word(told, "updated", gap)
    said = len(untold.events)
    word(told, "unlinked", last)
    word(untold, "unlinked", sum(gaps) + last)
    # What ran out while the incident had answered fires now instead of then.
    assume(all(isinstance(event, ClockResumed) for event in untold.events[said:]))
    assert promises(told) == promises(untold)
    assert told.wake_at == untold.wake_at
    assert told.view()["state"] == untold.view()["state"]
    replayed = replay(told.journal(), told.policy)
    assert explain(replayed.state, told.policy) == explain(told.state, told.policy)


@given(STORY, MINUTES)
@settings(max_examples=80, deadline=None)
def test_a_link_shifts_what_it_pauses_by_the_pause_and_nothing_else(
    story: list[tuple[str, str]], minutes: int
) -> None:
    ladder = lived(story)
    assume(ladder.state.stopped is None and ladder.state.open_pause() is None)
    before = dues(ladder)
    linked_at = ladder.now
    word(ladder, "linked")
    said = len(ladder.events)
    word(ladder, "unlinked", minutes)
    resumed = [event for event in ladder.events[said:] if isinstance(event, ClockResumed)]
    assume(resumed == ladder.events[said:])
    shifted = {event.clock for event in resumed}
    for name, due_at in dues(ladder).items():
        expected = _later(ladder, name, before[name], linked_at) if name in shifted else None
        assert due_at == (expected or before[name]), name


def dues(ladder: Ladder) -> dict[str, datetime]:
    running = (clock for clock in ladder.view()["clocks"] if clock["state"] == "running")
    return {clock["name"]: datetime.fromisoformat(clock["due_at"]) for clock in running}


def _later(ladder: Ladder, name: str, due_at: datetime, linked_at: datetime) -> datetime:
    """By as much of the clock's own time as the link lasted."""
    record = ladder.state.clock(name)
    assert record is not None
    assert record.budget is not None
    assume(record.budget.unit == "business")
    time = ladder.policy.calendars[record.budget.calendar]
    return time.add(due_at, time.between(linked_at, ladder.now))
