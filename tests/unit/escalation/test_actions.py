"""What other backends are asked for: clocks, answers, rungs when late or refused, and the gates."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalation.core.answering import UnknownActionError
from services.escalation.core.commands import COMMAND, CommandRefusedError, RefusalReason
from services.escalation.core.policy import compile_policy
from services.escalation.core.replay import replay
from services.escalation.core.turn import Outcome
from tests.support.ladder import Ladder, at, wallet_policy

TRANSACTION = {"id": "tx-5567", "amount": "1280.00", "currency": "CNY"}


def opened(**fields: Any) -> Ladder:
    ladder = Ladder()
    about = {"customer": {"id": "cust-1001"}, "transaction": TRANSACTION}
    ladder.open(**{"identity_verified": True, **about, **fields})
    return ladder


def in_danger(**fields: Any) -> Ladder:
    return opened(category="account_takeover", lane="money_safety", severity="critical", **fields)


def refused(ladder: Ladder, name: str, **fields: Any) -> CommandRefusedError:
    before = ladder.document
    with pytest.raises(CommandRefusedError) as caught:
        ladder.command(name, **fields)
    assert ladder.document == before
    return caught.value


def test_an_action_is_asked_for_with_what_the_case_knows() -> None:
    ladder = opened()
    ladder.command("request_action", "2026-11-20 10:00", action="trace")
    (request,) = ladder.asked("action.requested")
    assert request.action == "trace"
    assert request.parameters == {
        "customer": "cust-1001",
        "transaction": "tx-5567",
        "amount": "1280.00",
        "currency": "CNY",
    }
    assert request.idempotency_key == str(request.action_id)
    (action,) = ladder.actions()
    assert (action["state"], action["clock"]["state"], action["requested_by"]) == (
        "requested",
        "running",
        "A1024",
    )
    # One business day: asked on Friday, due on Monday.
    assert request.due_at == at("2026-11-23 10:00")
    assert request.expires_at == at("2026-11-27 10:00")


def test_parameters_add_to_what_the_case_knows() -> None:
    ladder = opened()
    ladder.command("request_action", action="refund", parameters={"amount": "80.00"})
    (request,) = ladder.asked("action.requested")
    assert (request.parameters["amount"], request.parameters["transaction"]) == ("80.00", "tx-5567")


@pytest.mark.parametrize("name", ["freeze", "unfreeze", "reset_credentials", "refund", "trace"])
def test_nothing_is_asked_for_before_the_customer_proved_who_they_are(name: str) -> None:
    ladder = opened(identity_verified=False)
    assert refused(ladder, "request_action", action=name).reason is (
        RefusalReason.IDENTITY_UNVERIFIED
    )
    ladder.event("identity.verified", ladder.now)
    ladder.command("request_action", action=name)
    assert [request.action for request in ladder.requests] == [name]


def test_what_an_action_needs_must_be_known() -> None:
    ladder = opened(transaction=None)
    refusal = refused(ladder, "request_action", action="provisional_credit")
    assert refusal.reason is RefusalReason.PARAMETER_MISSING
    assert refusal.extra["parameters"] == ["transaction", "amount"]
    # A fact that another backend reports is enough.
    ladder.event("facts.added", ladder.now, names=["transaction.id"], transaction=TRANSACTION)
    ladder.command("request_action", action="provisional_credit")


def test_the_same_is_not_asked_for_twice_while_it_is_unanswered() -> None:
    ladder = opened()
    ladder.command("request_action", action="trace")
    refusal = refused(ladder, "request_action", action="trace")
    assert refusal.reason is RefusalReason.ALREADY_REQUESTED
    assert refusal.extra["action_id"] == str(ladder.requests[0].action_id)
    ladder.command("request_action", action="trace", parameters={"transaction": "tx-2"})
    ladder.answer("action.refused", 0, reason="unknown transaction")
    ladder.command("request_action", action="trace")
    assert len(ladder.asked("action.requested")) == 3


def test_only_people_at_the_operator_ask() -> None:
    ladder = opened()
    refusal = refused(ladder, "request_action", action="refund", role="customer", by="cust-1001")
    assert refusal.reason is RefusalReason.ROLE_NOT_ALLOWED


@pytest.mark.parametrize(
    ("long", "short"),
    [("freeze_account", "freeze"), ("recall_transfer", "recall"), ("open_refund", "refund")],
)
def test_the_long_names_are_understood(long: str, short: str) -> None:
    body = {"command": "request_action", "by": {"role": "agent", "id": "A1"}, "action": long}
    assert COMMAND.validate_python(body).action == short  # type: ignore[union-attr]


def test_accepted_runs_on_done_stops_the_clock() -> None:
    ladder = opened()
    ladder.command("request_action", action="cancel")
    ladder.answer("action.accepted", when="2026-11-20 10:00", reference="B-77")
    (action,) = ladder.actions()
    assert (action["state"], action["clock"]["state"], action["reference"]) == (
        "accepted",
        "running",
        "B-77",
    )
    ladder.answer("action.done", when="2026-11-20 10:05", result={"cancelled": True})
    (action,) = ladder.actions()
    assert (action["state"], action["clock"]["state"], action["late"]) == ("done", "met", False)
    assert action["result"] == {"cancelled": True}
    stopped = ladder.said("clock.stopped")[-1]
    assert (stopped.clock, stopped.met) == ("action:cancel", True)


def test_an_answer_that_comes_twice_changes_nothing() -> None:
    ladder = opened()
    ladder.command("request_action", action="cancel")
    ladder.answer("action.done")
    said = len(ladder.events)
    for name in ("action.done", "action.accepted", "action.refused"):
        assert ladder.answer(name).outcome is Outcome.ALREADY_ANSWERED
    assert len(ladder.events) == said
    assert ladder.actions()[0]["state"] == "done"


def test_late_takes_the_case_up_once() -> None:
    ladder = opened()
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    ladder.command("request_action", "2026-11-20 10:01", action="cancel")
    ladder.run_until("2026-11-20 10:31")
    entered = ladder.said("rung.entered")[-1]
    assert (entered.rung, entered.reason, entered.clock) == (
        "senior",
        "action_late",
        "action:cancel",
    )
    assert ladder.actions()[0]["late"] is True
    ladder.answer("action.done", when="2026-11-20 10:40")
    (action,) = ladder.actions()
    assert (action["state"], action["clock"]["state"]) == ("done", "missed")
    assert ladder.rungs() == ["frontline", "senior"]


def test_refused_takes_the_case_up_and_says_why() -> None:
    ladder = opened()
    ladder.command("request_action", "2026-11-20 10:00", action="refund")
    ladder.answer("action.refused", when="2026-11-20 10:02", reason="outside the refund window")
    entered = ladder.said("rung.entered")[-1]
    assert (entered.rung, entered.reason, entered.by_role) == (
        "senior",
        "action_refused",
        "backend",
    )
    assert ladder.actions()[0]["reason"] == "outside the refund window"
    assert ladder.actions()[0]["clock"]["state"] == "stopped"


def test_an_action_expires_and_is_still_believed_when_it_was_done() -> None:
    ladder = opened()
    ladder.command("request_action", action="cancel")
    ladder.run_until("2026-11-21 09:58")
    (expired,) = ladder.asked("action.expired")
    assert expired.action_id == ladder.asked("action.requested")[0].action_id
    assert ladder.actions()[0]["state"] == "expired"
    assert ladder.answer("action.refused").outcome is Outcome.ALREADY_ANSWERED
    ladder.answer("action.done", result={"at": "2026-11-20"})
    assert ladder.actions()[0]["state"] == "done"


def test_cancelled_by_a_person() -> None:
    ladder = opened()
    ladder.command("request_action", action="refund")
    action_id = str(ladder.requests[0].action_id)
    ladder.command("cancel_action", action_id=action_id)
    (cancelled,) = ladder.asked("action.cancelled")
    assert (cancelled.action_id, cancelled.reason) == (ladder.requests[0].action_id, None)
    again = refused(ladder, "cancel_action", action_id=action_id)
    assert (again.reason, again.extra["state"]) == (RefusalReason.ACTION_ENDED, "cancelled")
    other = refused(ladder, "cancel_action", action_id=str(ladder.case_id))
    assert other.reason is RefusalReason.NO_SUCH_ACTION


@pytest.mark.parametrize("ending", ["case.withdrawn", "case.merged"])
def test_a_case_that_nobody_wants_calls_its_actions_off(ending: str) -> None:
    ladder = opened()
    ladder.command("request_action", action="refund")
    fields = {"into": ladder.case_id} if ending == "case.merged" else {}
    ladder.event(ending, ladder.now, **fields)
    (cancelled,) = ladder.asked("action.cancelled")
    assert f"case.{cancelled.reason}" == ending


def test_a_solved_case_still_takes_answers_but_moves_no_more() -> None:
    ladder = opened()
    ladder.command("request_action", action="refund")
    ladder.event("case.resolved", ladder.now, outcome="refunded")
    assert ladder.asked("action.cancelled") == []
    assert ladder.wake_at is None
    said = len(ladder.events)
    ladder.answer("action.refused", reason="closed account")
    assert ladder.actions()[0]["state"] == "refused"
    assert len(ladder.events) == said


def test_an_answer_to_nothing_is_refused() -> None:
    ladder = opened()
    with pytest.raises(UnknownActionError):
        ladder.answer("action.done", action_id=ladder.case_id)


def test_money_in_danger_is_frozen_first_whoever_asks() -> None:
    ladder = in_danger(identity_verified=False)
    (freeze,) = ladder.asked("action.requested")
    assert (freeze.action, freeze.identity_verified) == ("freeze", False)
    assert freeze.parameters["customer"] == "cust-1001"
    assert freeze.due_at == ladder.later(minutes=10)
    assert ladder.actions()[0]["requested_by"] == "system"


def test_a_case_that_turns_out_dangerous_is_frozen_then() -> None:
    ladder = opened()
    assert ladder.requests == []
    worse = {"category": "phishing", "severity": "critical", "lane": "money_safety"}
    ladder.event("case.classified", ladder.now, **worse)
    assert [request.action for request in ladder.asked("action.requested")] == ["freeze"]
    ladder.event("case.classified", ladder.now, **worse)
    assert len(ladder.requests) == 1


def test_what_was_frozen_is_not_frozen_again_on_reopening() -> None:
    ladder = in_danger()
    ladder.answer("action.done")
    ladder.event("case.resolved", ladder.now, outcome="safe")
    ladder.event("case.reopened", ladder.now, episode=2)
    assert len(ladder.asked("action.requested")) == 1
    refused_first = in_danger()
    refused_first.answer("action.refused")
    refused_first.event("case.resolved", refused_first.now, outcome="safe")
    refused_first.event("case.reopened", refused_first.now, episode=2)
    assert len(refused_first.asked("action.requested")) == 2


def test_a_pack_without_actions_asks_for_none() -> None:
    shipped = wallet_policy()
    lanes = {
        name: lane.model_copy(update={"first_actions": ()})
        for name, lane in shipped.pack.lanes.items()
    }
    pack = shipped.pack.model_copy(update={"actions": {}, "lanes": lanes})
    ladder = Ladder(compile_policy(pack, shipped.digest))
    ladder.open(identity_verified=True)
    refusal = refused(ladder, "request_action", action="refund")
    assert (refusal.reason, refusal.extra) == (RefusalReason.UNKNOWN_ACTION, {"actions": []})


def test_a_journal_with_actions_replays() -> None:
    ladder = opened()
    ladder.command("request_action", action="trace", parameters={"transaction": "tx-9"})
    ladder.command("request_action", action="trace", parameters={"transaction": "tx-8"})
    ladder.answer("action.accepted")
    ladder.answer("action.refused", 0, reason="private words")
    ladder.run_until("2026-12-01 10:00")
    exported = ladder.journal()
    assert "private words" not in exported.model_dump_json()
    assert "tx-9" not in exported.model_dump_json()
    replayed = replay(exported, ladder.policy)
    assert replayed.position == len(ladder.events)
