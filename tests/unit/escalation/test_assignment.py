"""Who is given a case: each rule, each reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pytest

from schemas.pack import AssignRule
from services.escalation.core.assignment import (
    Assigned,
    Assignment,
    ChoiceReason,
    NobodyFits,
    NobodyReason,
    choose,
)
from services.escalation.core.roster import Agent
from tests.support.people import FRIDAY_TEN, SHANGHAI_OFFICE, agent, away, roster_of

MONDAY_NINE = datetime.fromisoformat("2026-11-23T09:00:00+08:00")
PLAIN = AssignRule()
REQUIRED = AssignRule(language="require")


def chosen(
    *agents: Agent,
    rule: AssignRule = PLAIN,
    barred: Collection[str] = (),
    avoided: Collection[str] = (),
    language: str | None = None,
    loads: Mapping[str, int] | None = None,
    now: datetime = FRIDAY_TEN,
    binding: bool = True,
) -> Assignment:
    return choose(
        roster_of(*agents, binding=binding),
        rule,
        "frontline",
        barred=barred,
        avoided=avoided,
        language=language,
        loads=loads or {},
        now=now,
    )


def given(assignment: Assignment) -> tuple[str, ChoiceReason]:
    assert isinstance(assignment, Assigned)
    return assignment.agent.staff_number, assignment.reason


def test_the_least_loaded_is_given_the_case() -> None:
    loads = {"A1": 3, "A2": 1}
    found = chosen(agent("A1"), agent("A2"), loads=loads)
    assert found == Assigned(
        agent=agent("A2"),
        reason=ChoiceReason.LEAST_LOADED,
        speaks_language=None,
        load=1,
        candidates=2,
        avoided=False,
    )
    found = chosen(agent("A1"), agent("A2"), agent("A3"), loads=loads)
    assert given(found) == ("A3", ChoiceReason.LEAST_LOADED), "who is not counted holds nothing"


def test_of_equals_the_smallest_staff_number_is_taken() -> None:
    assert given(chosen(agent("A2"), agent("A1"))) == ("A1", ChoiceReason.FIRST_OF_EQUALS)
    assert given(chosen(agent("A2"))) == ("A2", ChoiceReason.ONLY_ONE)


@pytest.mark.parametrize(
    ("spoken", "wanted", "matches"),
    [
        ("zh", "zh-CN", True),
        ("zh_CN", "zh-cn", True),
        ("zh-CN", "zh", True),
        ("zh-TW", "zh-CN", False),
        ("z", "zh", False),
        ("en", "zh", False),
    ],
)
def test_speakers_of_the_language_come_first(spoken: str, wanted: str, matches: bool) -> None:
    agents = agent("A1"), agent("A2").model_copy(update={"languages": (spoken,)})
    loads = {"A2": 7}
    preferred = chosen(*agents, language=wanted, loads=loads)
    assert given(preferred) == (
        ("A2", ChoiceReason.SPEAKS_LANGUAGE) if matches else ("A1", ChoiceReason.LEAST_LOADED)
    )
    assert isinstance(preferred, Assigned)
    assert preferred.speaks_language is matches
    required = chosen(*agents, language=wanted, loads=loads, rule=REQUIRED)
    assert isinstance(required, Assigned) is matches


def test_languages_are_ignored_where_the_rule_or_nobody_asks() -> None:
    agents = agent("A1"), agent("A2", languages=["zh"])
    ignoring = AssignRule(language="ignore")
    assert given(chosen(*agents, language="zh", rule=ignoring))[0] == "A1"
    assert given(chosen(*agents, rule=REQUIRED))[0] == "A1"


def test_all_skills_of_the_rule_are_needed() -> None:
    rule = AssignRule(skills=("fraud", "chargeback"))
    agents = agent("A1", skills=["fraud"]), agent("A2", skills=["chargeback", "x", "fraud"])
    assert given(chosen(*agents, rule=rule)) == ("A2", ChoiceReason.ONLY_ONE)


def test_nobody_is_given_more_than_the_rule_allows() -> None:
    rule = AssignRule(most_cases=2)
    full = {"A1": 2, "A2": 1}
    assert given(chosen(agent("A1"), agent("A2"), rule=rule, loads=full))[0] == "A2"
    found = chosen(agent("A1"), rule=rule, loads={"A1": 3})
    assert found == NobodyFits(NobodyReason.ALL_FULL, None)


def test_who_gave_it_back_is_taken_only_where_nobody_else_is_left() -> None:
    agents = agent("A1", languages=["zh"]), agent("A2")
    found = chosen(*agents, avoided=["A1"], language="zh", loads={"A2": 9})
    assert given(found) == ("A2", ChoiceReason.ONLY_ONE)
    again = chosen(agents[0], avoided=["A1"])
    assert isinstance(again, Assigned)
    assert (again.agent.staff_number, again.avoided) == ("A1", True)


def test_who_gave_it_back_is_not_taken_while_a_colleague_is_only_full() -> None:
    rule = AssignRule(most_cases=1)
    there = agent("A1"), agent("A2")
    found = chosen(*there, rule=rule, avoided=["A1"], loads={"A2": 1})
    assert found == NobodyFits(NobodyReason.ALL_FULL, None)
    gone = agent("A1"), agent("A2", absences=[away("20T00:00")])
    again = chosen(*gone, rule=rule, avoided=["A1"], loads={"A2": 1})
    assert isinstance(again, Assigned)
    assert (again.agent.staff_number, again.avoided, again.candidates) == ("A1", True, 1)


@pytest.mark.parametrize(
    ("agents", "barred", "rule", "language", "reason"),
    [
        ([], [], PLAIN, None, NobodyReason.NOBODY_LISTED),
        ([agent(groups=["senior"])], [], PLAIN, None, NobodyReason.NOBODY_LISTED),
        ([agent("A1")], ["A1"], PLAIN, None, NobodyReason.ALL_BARRED),
        ([agent("A1")], [], AssignRule(skills=("fraud",)), None, NobodyReason.SKILL_MISSING),
        ([agent("A1")], [], REQUIRED, "zh", NobodyReason.LANGUAGE_MISSING),
        ([agent("A1", absent=True)], [], PLAIN, None, NobodyReason.NOBODY_AT_WORK),
    ],
)
def test_why_nobody_fits_is_said(
    agents: list[Agent],
    barred: list[str],
    rule: AssignRule,
    language: str | None,
    reason: NobodyReason,
) -> None:
    found = chosen(*agents, barred=barred, rule=rule, language=language)
    assert found == NobodyFits(reason, None)


def test_a_roster_that_does_not_bind_gives_nobody_a_case() -> None:
    found = chosen(agent("A1"), binding=False)
    assert found == NobodyFits(NobodyReason.ROSTER_DOES_NOT_BIND, None)


def test_the_next_to_come_is_known() -> None:
    office = agent("A1", working_hours=SHANGHAI_OFFICE, absences=[away("20T09:00", "20T18:00")])
    late = agent("A2", absences=[away("20T10:00", "25T10:00")])
    found = chosen(office, late, agent("A3", absent=True))
    assert found == NobodyFits(NobodyReason.NOBODY_AT_WORK, MONDAY_NINE)
    assert given(chosen(office, late, now=MONDAY_NINE))[0] == "A1"
    full = chosen(office, agent("A4"), rule=AssignRule(most_cases=1), loads={"A4": 1})
    assert full == NobodyFits(NobodyReason.ALL_FULL, MONDAY_NINE)
