"""Who holds a case, who must not, and what happens when nobody is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.pack import AssignRule
from schemas.pack_clocks import Budget
from schemas.vocabulary import Severity
from services.escalation.core.assigning import FULL_RETRY, Assign, Relieve, find_holder
from services.escalation.core.commands import CommandRefusedError, RefusalReason
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import replay
from services.escalation.core.roster import Agent, KnownAgents, Roster
from tests.support.ladder import Ladder, at, wallet_policy

AT_ONCE = Assign(staff_number="B1", why="only_one")


def policy_with(**rungs: dict[str, Any]) -> Policy:
    """The shipped pack with some rungs changed."""
    shipped = wallet_policy()
    ladder = shipped.pack.ladder
    changed = tuple(rung.model_copy(update=rungs.get(rung.name, {})) for rung in ladder.rungs)
    climbing = ladder.model_copy(update={"rungs": changed})
    return compile_policy(shipped.pack.model_copy(update={"ladder": climbing}), shipped.digest)


def roster(*agents: Agent) -> Roster:
    return Roster({agent.staff_number: agent for agent in agents}, {}, binding=True)


def agent(number: str, group: str = "senior", **fields: Any) -> Agent:
    return Agent(staff_number=number, name=f"name of {number}", groups=(group,), **fields)


def opened(policy: Policy | None = None, **fields: Any) -> Ladder:
    ladder = Ladder(policy)
    ladder.open(**fields)
    return ladder


def assigning() -> Ladder:
    """A case that has come to a rung whose cases are given out."""
    ladder = opened(policy_with(senior={"assign": AssignRule(), "max_visits": 3}))
    ladder.run_until("2026-11-20 10:13")
    return ladder


def refusal(ladder: Ladder, name: str, **fields: Any) -> RefusalReason:
    with pytest.raises(CommandRefusedError) as caught:
        ladder.command(name, **fields)
    return caught.value.reason


# Nobody is there


def test_a_rung_without_anybody_is_passed_over_and_said_so() -> None:
    ladder = opened()
    ladder.absent_groups = {"senior"}
    ladder.run_until("2026-11-20 10:13")
    (nobody,) = ladder.said("nobody.available")
    assert (nobody.group, nobody.passed_rung, nobody.rung) == ("senior", "senior", "frontline")
    entered = ladder.said("rung.entered")[-1]
    assert (entered.rung, entered.reason, entered.clock) == (
        "email",
        "nobody_available",
        "first_response",
    )
    assert ladder.view()["history"][-1]["passed"] == ["senior"]
    assert ladder.rungs() == ["frontline", "email"]
    assert replay(ladder.journal(), ladder.policy).state.place.rung == "email"


def test_where_nobody_is_anywhere_the_case_goes_where_it_was_headed() -> None:
    ladder = opened()
    ladder.absent_groups = {"senior", "written_care"}
    ladder.run_until("2026-11-20 10:13")
    assert [event.group for event in ladder.said("nobody.available")] == [
        "senior",
        "written_care",
    ]
    entered = ladder.said("rung.entered")[-1]
    assert (entered.rung, entered.reason) == ("senior", "first_response_missed")
    assert ladder.said("offer.made") == []


def test_a_case_is_opened_where_somebody_is() -> None:
    ladder = Ladder()
    ladder.absent_groups = {"frontline"}
    ladder.open()
    assert ladder.names()[:3] == ["ladder.started", "nobody.available", "rung.entered"]
    assert (ladder.view()["rung"], ladder.said("rung.entered")[0].reason) == (
        "senior",
        "nobody_available",
    )


def test_a_rung_may_wait_for_its_people() -> None:
    ladder = opened(policy_with(senior={"when_nobody": "wait"}))
    ladder.absent_groups = {"senior"}
    ladder.run_until("2026-11-20 10:13")
    assert (ladder.view()["rung"], ladder.said("nobody.available")) == ("senior", [])


def test_nobody_is_sent_down_to_an_empty_group() -> None:
    ladder = opened()
    ladder.run_until("2026-11-20 10:13")
    ladder.absent_groups = {"frontline"}
    assert refusal(ladder, "de_escalate", reason="x") is RefusalReason.NOBODY_AVAILABLE
    ladder.absent_groups = set()
    ladder.command("de_escalate", reason="x")


# Giving out


def test_a_case_is_given_to_whom_the_rule_names() -> None:
    ladder = assigning()
    assert ladder.view()["assign_at"] is not None
    people = roster(agent("B1"), agent("B2"))
    found = find_holder(ladder.state, ladder.policy, people, {"B1": 3, "B2": 1}, ladder.now)
    assert (found.staff_number, found.why) == ("B2", "least_loaded")
    ladder.order(found, "name of B2")
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.reason, changed.name) == ("B2", "assigned", "name of B2")
    assert ladder.view()["assign_at"] is None
    assert ladder.view()["holders"][-1]["reason"] == "assigned"
    replayed = replay(ladder.journal(), ladder.policy).state
    assert replayed.place.holder is not None
    assert replayed.place.holder.staff_number == "B2"


def test_an_order_that_comes_too_late_changes_nothing() -> None:
    ladder = assigning()
    ladder.command("claim", by="A2001")
    said = len(ladder.events)
    ladder.order(AT_ONCE)
    assert len(ladder.events) == said
    assert ladder.view()["holder"]["staff_number"] == "A2001"


def test_who_gave_it_back_is_avoided_and_who_was_recused_is_barred() -> None:
    ladder = assigning()
    people = roster(agent("B1"), agent("B2"), agent("B3"))
    ladder.order(AT_ONCE)
    ladder.command("release", by="B1")
    found = find_holder(ladder.state, ladder.policy, people, {}, ladder.now)
    assert found.staff_number == "B2"
    ladder.order(found)
    ladder.command("recuse", by="B2", reason="x")
    found = find_holder(ladder.state, ladder.policy, people, {}, ladder.now)
    assert found.staff_number == "B3"
    only = roster(agent("B1"), agent("B2"))
    assert find_holder(ladder.state, ladder.policy, only, {}, ladder.now).staff_number == "B1"


def test_who_released_it_has_it_again_only_where_nobody_is_there_and_that_is_told() -> None:
    ladder = assigning()
    alone = roster(agent("B1"))
    ladder.order(AT_ONCE)
    for _ in range(2):
        ladder.command("release", by="B1")
        ladder.order(find_holder(ladder.state, ladder.policy, alone, {}, ladder.now))
    assert ladder.state.place.gave_back == ("B1",)
    told = [(event.staff_number, event.again) for event in ladder.said("holder.changed")]
    assert told[-4:] == [(None, False), ("B1", True), (None, False), ("B1", True)]
    assert [record["again"] for record in ladder.view()["holders"]] == [False, True, True]
    assert replay(ladder.journal(), ladder.policy).state.holders == ladder.state.holders
    # A person may think otherwise, and another visit begins anew.
    ladder.command("release", by="B1")
    ladder.command("claim", by="B1")
    assert not ladder.said("holder.changed")[-1].again
    ladder.command("escalate", by="B1", reason="x", to="email")
    ladder.command("de_escalate", by="B1", reason="x")
    assert not ladder.state.place.gave_back


def test_who_released_it_is_waited_past_while_a_colleague_is_full() -> None:
    ladder = opened(policy_with(senior={"assign": AssignRule(most_cases=1)}))
    ladder.run_until("2026-11-20 10:13")
    ladder.order(AT_ONCE)
    ladder.command("release", by="B1")
    people = roster(agent("B1"), agent("B2"))
    found = find_holder(ladder.state, ladder.policy, people, {"B2": 1}, ladder.now)
    assert (found.staff_number, found.why) == (None, "all_full")
    assert found.again_at == ladder.now + FULL_RETRY
    free = find_holder(ladder.state, ladder.policy, people, {}, ladder.now)
    assert free.staff_number == "B2"


def test_who_is_not_at_work_yet_is_waited_for() -> None:
    ladder = assigning()
    monday = at("2026-11-23 09:00")
    away = {"from_at": "2026-11-20T00:00:00+08:00", "until_at": "2026-11-23T09:00:00+08:00"}
    people = roster(agent("B1", absences=(away,)))
    found = find_holder(ladder.state, ladder.policy, people, {}, ladder.now)
    assert (found.staff_number, found.why, found.again_at) == (None, "nobody_at_work", monday)
    ladder.order(found)
    assert ladder.said("nobody.available") == []
    assert ladder.state.place.assign_at == monday
    assert monday in [deadline.at for deadline in ladder.decisions[-1].waiting]


def test_who_is_full_is_asked_again_soon() -> None:
    ladder = opened(policy_with(senior={"assign": AssignRule(most_cases=1)}))
    ladder.run_until("2026-11-20 10:13")
    found = find_holder(ladder.state, ladder.policy, roster(agent("B1")), {"B1": 1}, ladder.now)
    assert (found.why, found.again_at) == ("all_full", ladder.now + FULL_RETRY)


def test_where_nobody_can_ever_take_it_the_group_may_still_claim_it() -> None:
    ladder = opened(policy_with(senior={"assign": AssignRule(skills=("law",))}))
    ladder.run_until("2026-11-20 10:13")
    found = find_holder(ladder.state, ladder.policy, roster(agent("B1")), {}, ladder.now)
    assert (found.why, found.again_at) == ("skill_missing", None)
    ladder.order(found)
    (nobody,) = ladder.said("nobody.available")
    assert (nobody.group, nobody.passed_rung) == ("senior", None)
    assert ladder.view()["assign_at"] is None
    ladder.command("claim", by="A2001")


# Losing a case


def test_who_is_absent_loses_the_case_and_the_group_must_see_it_anew() -> None:
    ladder = opened()
    ladder.run_until("2026-11-20 10:13")
    ladder.command("claim", by="A2001")
    ladder.command("acknowledge", by="A2001")
    ladder.now = ladder.later(hours=2)
    ladder.order(Relieve(staff_number="A9"))
    assert ladder.view()["holder"]["staff_number"] == "A2001"
    ladder.order(Relieve(staff_number="A2001"))
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.previous_staff_number, changed.reason) == (
        None,
        "A2001",
        "absent",
    )
    acknowledgement = ladder.clock("acknowledgement")
    assert acknowledgement["state"] == "running"
    assert acknowledgement["started_at"] == at("2026-11-20 12:13").isoformat()


def test_a_silent_holder_loses_the_case() -> None:
    two_hours = Budget(amount=timedelta(hours=2), unit="business", calendar="service_hours")
    ladder = opened(policy_with(frontline={"silent_after": two_hours}))
    ladder.command("claim", "2026-11-20 10:00")
    assert ladder.clock("holder")["due_at"] == at("2026-11-20 12:00").isoformat()
    ladder.event("customer.replied_to", "2026-11-20 10:10", channel="phone")
    assert ladder.clock("holder")["due_at"] == at("2026-11-20 12:10").isoformat()
    ladder.event("customer.asked", "2026-11-20 11:30", status="waiting_customer")
    assert ladder.clock("holder")["state"] == "paused"
    ladder.event("customer.answered", "2026-11-20 14:00", status="open")
    ladder.run_until("2026-11-20 15:59")
    assert ladder.view()["holder"] is not None
    ladder.run_until("2026-11-20 16:00")
    changed = ladder.said("holder.changed")[-1]
    assert (changed.reason, changed.previous_staff_number) == ("silent", "A1024")
    assert ladder.view()["rung"] == "frontline"


def test_who_is_complained_about_never_holds_the_case() -> None:
    ladder = opened(complained_about=["A2001"])
    assert refusal(ladder, "claim", by="A2001") is RefusalReason.COMPLAINED_ABOUT
    ladder.command("claim")
    complaint = {"names": ["complained_about"], "complained_about": ["A1024"]}
    ladder.event("facts.added", ladder.now, **complaint)
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.reason) == (None, "complained_about")
    assert refusal(ladder, "claim") is RefusalReason.COMPLAINED_ABOUT
    ladder.command("claim", by="A3")
    handed = refusal(ladder, "hand_over", by="A3", to_agent="A2001", brief="x")
    assert handed is RefusalReason.COMPLAINED_ABOUT


def test_fresh_eyes_have_not_had_the_case_before() -> None:
    ladder = opened(policy_with(senior={"fresh_eyes": True}))
    ladder.command("claim")
    ladder.command("escalate", reason="x")
    assert refusal(ladder, "claim") is RefusalReason.HELD_IT_BEFORE
    ladder.command("claim", by="A2001")


def test_who_is_absent_is_handed_nothing() -> None:
    ladder = opened()
    agents = KnownAgents({"A1024": "李四", "A9": "x"}, binding=True, absent=frozenset({"A9"}))
    ladder.command("claim", agents=agents)
    handed = refusal(ladder, "hand_over", to_agent="A9", brief="x", agents=agents)
    assert handed is RefusalReason.ABSENT


def test_a_supervisor_may_give_a_free_case_to_somebody() -> None:
    ladder = opened()
    assert refusal(ladder, "hand_over", to_agent="A2001", brief="x") is RefusalReason.NOT_HELD
    ladder.command("hand_over", by="S1", role="supervisor", to_agent="A2001", brief="call first")
    changed = ladder.said("holder.changed")[-1]
    assert (changed.reason, changed.brief) == ("handed_over", "call first")
    assert ladder.view()["brief"] == "call first"


# Severity


def test_a_severe_case_enters_higher() -> None:
    shipped = wallet_policy()
    by_severity = {Severity.CRITICAL: "senior", Severity.HIGH: "frontline"}
    climbing = shipped.pack.ladder.model_copy(update={"entry_by_severity": by_severity})
    policy = compile_policy(shipped.pack.model_copy(update={"ladder": climbing}), shipped.digest)
    severe = opened(policy, severity="critical")
    assert [(e.rung, e.reason) for e in severe.said("rung.entered")] == [
        ("senior", "severity_raised")
    ]
    ladder = opened(policy)
    classified = {"category": "refund", "lane": "ordinary"}
    ladder.event("case.classified", ladder.now, severity="high", **classified)
    assert ladder.rungs() == ["frontline"]
    ladder.event("case.classified", ladder.now, severity="critical", **classified)
    assert ladder.rungs() == ["frontline", "senior"]
    assert ladder.said("rung.entered")[-1].reason == "severity_raised"


# Taking back


def test_a_rung_taken_back_gives_the_holder_back() -> None:
    ladder = opened()
    ladder.command("claim", "2026-11-20 10:00")
    ladder.run_until("2026-11-20 10:20")
    assert ladder.view()["holder"] is None
    ladder.event("customer.replied_to", "2026-11-20 10:10", channel="phone")
    assert ladder.view()["rung"] == "frontline"
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.reason) == ("A1024", "retracted")
    assert [record["until"] is None for record in ladder.view()["holders"]] == [False, True]


def test_a_reopening_says_that_the_holder_is_gone() -> None:
    ladder = opened()
    ladder.command("claim")
    ladder.event("case.resolved", ladder.now, outcome="x")
    ladder.event("case.reopened", ladder.now, episode=2)
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.reason) == (None, "rung_left")
    assert ladder.view()["holder"] is None
