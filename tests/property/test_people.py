"""Laws of availability and assignment, on rosters that nobody chose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.pack import AssignRule
from services.escalation.core.assignment import (
    Assigned,
    Assignment,
    NobodyFits,
    NobodyReason,
    choose,
)
from services.escalation.core.availability import is_at_work, next_at_work, staffed
from services.escalation.core.roster import Agent, Roster
from tests.support.calendars import WEEK
from tests.support.people import agent, roster_of

LAW = settings(deadline=None, max_examples=200)
START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = [f"A{number}" for number in range(8)]
LANGUAGES = ["zh", "zh-CN", "en", "de"]

instants = st.integers(0, 24 * 14).map(lambda hours: START + hours * HOUR)
subsets = st.sets(st.sampled_from(NUMBERS), max_size=5)


@st.composite
def absences(draw: st.DrawFn) -> dict[str, Any]:
    start = draw(instants)
    ends = draw(st.none() | st.integers(1, 72).map(lambda hours: start + hours * HOUR))
    return {"from_at": start, "until_at": ends}


@st.composite
def working_hours(draw: st.DrawFn) -> dict[str, Any]:
    days = draw(st.lists(st.sampled_from(WEEK), min_size=1, unique=True))
    opens = draw(st.sampled_from(["00:00", "09:00", "22:00"]))
    zone = draw(st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC"]))
    return {"time_zone": zone, "weekly": {day: [[opens, "12:30"]] for day in days}}


@st.composite
def agents(draw: st.DrawFn, staff_number: str) -> Agent:
    return agent(
        staff_number,
        groups=draw(st.sampled_from([["frontline"], ["senior", "frontline"], ["senior"]])),
        languages=draw(st.lists(st.sampled_from(LANGUAGES), max_size=2, unique=True)),
        skills=draw(st.lists(st.sampled_from(["fraud", "tax"]), max_size=2, unique=True)),
        absent=draw(st.sampled_from([False, False, False, True])),
        absences=draw(st.lists(absences(), max_size=3)),
        working_hours=draw(st.none() | working_hours()),
    )


@st.composite
def people(draw: st.DrawFn) -> list[Agent]:
    numbers = draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    return [draw(agents(number)) for number in numbers]


rules = st.builds(
    AssignRule,
    language=st.sampled_from(["prefer", "require", "ignore"]),
    skills=st.sampled_from([(), (), ("fraud",), ("fraud", "tax")]),
    most_cases=st.none() | st.integers(1, 4),
)
questions = st.fixed_dictionaries(
    {
        "rule": rules,
        "group": st.just("frontline"),
        "barred": subsets,
        "avoided": subsets,
        "language": st.none() | st.sampled_from(LANGUAGES),
        "loads": st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 6)),
        "now": instants,
    }
)


def ask(roster: Roster, question: Mapping[str, Any], **changes: Any) -> Assignment:
    return choose(roster, **{**question, **changes})


@LAW
@given(people(), questions)
def test_who_is_given_a_case_may_take_it_and_nobody_is_better(
    listed: list[Agent], question: dict[str, Any]
) -> None:
    roster = roster_of(*listed)
    found = ask(roster, question)
    assume(isinstance(found, Assigned))
    assert isinstance(found, Assigned)
    number, loads, rule = found.agent.staff_number, question["loads"], question["rule"]
    assert number not in question["barred"]
    assert is_at_work(found.agent, question["now"])
    assert "frontline" in found.agent.groups
    assert set(rule.skills) <= set(found.agent.skills)
    assert found.load == loads.get(number, 0)
    assert rule.most_cases is None or found.load < rule.most_cases
    # Whoever else could have been given it as well holds at least as many.
    for other in listed:
        alone = ask(roster_of(found.agent, other), question)
        assert isinstance(alone, Assigned)
        assert alone.agent == found.agent
    if number in question["avoided"]:
        every = {*question["barred"], *question["avoided"]}
        others = ask(roster, question, barred=every)
        assert isinstance(others, NobodyFits)
        assert others.reason is not NobodyReason.ALL_FULL


@LAW
@given(people(), questions)
def test_nobody_fits_only_if_nobody_alone_does(
    listed: list[Agent], question: dict[str, Any]
) -> None:
    found = ask(roster_of(*listed), question)
    assume(isinstance(found, NobodyFits))
    assert isinstance(found, NobodyFits)
    alone = [each for each in listed if isinstance(ask(roster_of(each), question), Assigned)]
    # Only who gave it back could have it, and somebody else is there who is full.
    assert all(each.staff_number in question["avoided"] for each in alone)
    assert not alone or found.reason is NobodyReason.ALL_FULL
    if found.again_at is not None:
        assert found.again_at > question["now"]
        comers = [each for each in listed if is_at_work(each, found.again_at)]
        assert any(not is_at_work(each, question["now"]) for each in comers)


@LAW
@given(people(), questions, st.randoms(use_true_random=False))
def test_the_order_of_the_roster_changes_nothing(
    listed: list[Agent], question: dict[str, Any], random: Any
) -> None:
    shuffled = list(listed)
    random.shuffle(shuffled)
    assert ask(roster_of(*shuffled), question) == ask(roster_of(*listed), question)


@LAW
@given(people(), questions)
def test_more_work_for_others_and_fewer_others_change_nothing(
    listed: list[Agent], question: dict[str, Any]
) -> None:
    found = ask(roster_of(*listed), question)
    assume(isinstance(found, Assigned))
    assert isinstance(found, Assigned)
    number, loads = found.agent.staff_number, question["loads"]
    busier = {each: loads.get(each, 0) + (each != number) for each in NUMBERS}
    after = ask(roster_of(*listed), question, loads=busier)
    assert isinstance(after, Assigned)
    assert after.agent == found.agent
    for gone in listed:
        if gone != found.agent:
            rest = ask(roster_of(*(each for each in listed if each != gone)), question)
            assert isinstance(rest, Assigned)
            assert rest.agent == found.agent


@LAW
@given(agents("A1"), instants)
def test_the_next_instant_at_work_is_the_first(somebody: Agent, now: datetime) -> None:
    following = next_at_work(somebody, now)
    # Everything here changes at half hours.
    steps = (now + step * HOUR / 2 for step in range(24 * 2 * 21))
    seen = next((at for at in steps if is_at_work(somebody, at)), None)
    if seen is not None:
        assert following == seen
    elif following is not None:
        assert following >= now + timedelta(days=21)
        assert is_at_work(somebody, following)


@LAW
@given(people(), subsets, instants, instants, instants)
def test_a_longer_wait_and_fewer_barred_never_unstaff(
    listed: list[Agent], barred: set[str], now: datetime, one: datetime, other: datetime
) -> None:
    roster = roster_of(*listed)
    earlier, later = sorted((one, other))
    waits = [staffed(roster, "frontline", barred, now, until) for until in (earlier, later, None)]
    assert waits == sorted(waits)
    for number in barred:
        fewer = staffed(roster, "frontline", barred - {number}, now, later)
        assert fewer or not waits[1]
