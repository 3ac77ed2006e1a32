"""The rules of the engine that the story does not show: holding, retraction, lanes, promises."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from services.escalation.core.engine import LadderUnknownError, held_until
from services.escalation.core.explain import explain
from services.escalation.core.policy import compile_policy
from services.escalation.core.turn import Outcome
from tests.support.ladder import Ladder, at

PROMISE = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def ladder() -> Ladder:
    opened = Ladder()
    opened.open()
    return opened


def test_early_and_doubled_wake_ups_change_nothing(ladder: Ladder) -> None:
    before = ladder.document
    assert ladder.wake("2026-11-20 10:12").outcome is Outcome.NOTHING_DUE
    assert ladder.document == before
    ladder.wake("2026-11-20 10:13")
    fired = ladder.document
    assert ladder.wake("2026-11-20 10:13").events == ()
    assert ladder.document == fired


def test_after_downtime_one_rung_with_its_full_budget(ladder: Ladder) -> None:
    ladder.wake("2026-11-25 10:00")
    assert ladder.rungs() == ["frontline", "senior"]
    assert ladder.clock("rung")["due_at"] == "2026-11-25T18:00:00+08:00"
    assert len([event for event in ladder.said("clock.missed") if event.clock == "update"]) == 1


def test_earlier_contact_moves_the_clocks(ladder: Ladder) -> None:
    ladder.event(
        "contact.added",
        "2026-11-20 10:00",
        contact_id=PROMISE,
        channel="app",
        direction="inbound",
        occurred_at=at("2026-11-20 09:50"),
        started_at=at("2026-11-20 09:50"),
    )
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:05:00+08:00"
    assert ladder.wake_at == at("2026-11-20 10:05")


def test_outbound_contact_answers_the_customer(ladder: Ladder) -> None:
    ladder.event(
        "contact.added",
        "2026-11-20 10:01",
        contact_id=PROMISE,
        channel="phone",
        direction="outbound",
        occurred_at=at("2026-11-20 10:01"),
        started_at=at("2026-11-20 09:58"),
    )
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:01:00+08:00"


def test_event_after_the_due_instant_comes_too_late(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:20", channel="phone")
    assert ladder.rungs() == ["frontline", "senior"]
    stopped = [event for event in ladder.said("clock.stopped") if event.clock == "first_response"]
    assert [event.met for event in stopped] == [False]


def test_rungs_are_held_while_the_stream_is_stale_then_fire(ladder: Ladder) -> None:
    decision = ladder.wake("2026-11-20 10:13", stale=True)
    assert (decision.outcome, decision.events) == (Outcome.HELD, ())
    assert ladder.view()["state"] == "held"
    grace = timedelta(minutes=10)
    assert held_until(decision.state, ladder.policy) == ladder.real_now + grace
    ladder.real_now += grace
    ladder.wake(stale=True)
    entered = ladder.said("rung.entered")[-1]
    assert (entered.rung, entered.reason, entered.clock) == (
        "senior",
        "stream_silent",
        "first_response",
    )
    assert ladder.view()["state"] == "running"


def test_held_rung_fires_when_the_stream_speaks_again(ladder: Ladder) -> None:
    ladder.wake("2026-11-20 10:13", stale=True)
    ladder.wake()
    assert ladder.said("rung.entered")[-1].reason == "first_response_missed"
    assert ladder.state.held_since is None


def test_late_event_takes_the_rung_back(ladder: Ladder) -> None:
    ladder.wake("2026-11-20 10:13")
    assert ladder.view()["rung"] == "senior"
    ladder.now = at("2026-11-20 10:20")
    late = ladder.event("customer.replied_to", "2026-11-20 10:05", channel="phone")
    retracted = ladder.said("rung.retracted")[-1]
    assert (retracted.rung, retracted.retracted_rung, retracted.retracted_visit) == (
        "frontline",
        "senior",
        1,
    )
    assert retracted.reason == "late_event"
    view = ladder.view()
    assert (view["rung"], view["visit"]) == ("frontline", 1)
    assert view["history"][-1]["retracted"] is True
    assert ladder.clock("first_response")["state"] == "met"
    assert {clock["name"] for clock in view["clocks"]} == {"first_response", "update", "resolution"}
    assert late.wake_at == at("2026-11-20 14:05")
    ladder.command("escalate", reason="again")
    assert ladder.said("rung.entered")[-1].visit == 2


def test_late_event_that_prevents_nothing_takes_nothing_back(ladder: Ladder) -> None:
    ladder.wake("2026-11-20 10:13")
    ladder.now = at("2026-11-20 10:20")
    ladder.event("facts.added", "2026-11-20 10:05", names=["already_tried"])
    assert ladder.said("rung.retracted") == []
    assert ladder.view()["rung"] == "senior"


def test_late_event_takes_back_all_that_followed(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 11:13")
    assert ladder.view()["rung"] == "email"
    ladder.event("case.resolved", "2026-11-20 10:05", outcome="refunded")
    back = [(event.retracted_rung, event.rung) for event in ladder.said("rung.retracted")]
    assert back == [("email", "senior"), ("senior", "frontline")]
    assert ladder.view()["state"] == "stopped"


def test_event_after_a_fired_rung_confirms_it(ladder: Ladder) -> None:
    ladder.wake("2026-11-20 10:13")
    ladder.event("facts.added", "2026-11-20 10:14", names=["already_tried"])
    assert ladder.state.undos == []


def test_broken_promise_escalates_and_tells(ladder: Ladder) -> None:
    by_when = at("2026-11-20 12:00")
    ladder.event("promise.made", "2026-11-20 10:00", promise_id=PROMISE, by_when=by_when)
    assert ladder.clock(f"promise:{PROMISE}")["due_at"] == "2026-11-20T12:00:00+08:00"
    ladder.run_until("2026-11-20 12:00")
    missed = ladder.said("clock.missed")[-1]
    assert (missed.kind, missed.tell_customer) == ("promise", True)
    assert ladder.said("rung.entered")[-1].reason == "promise_broken"


def test_kept_promise_stops_its_clock(ladder: Ladder) -> None:
    by_when = at("2026-11-20 12:00")
    ladder.event("promise.made", "2026-11-20 10:00", promise_id=PROMISE, by_when=by_when)
    ladder.event("promise.kept", "2026-11-20 11:00", promise_id=PROMISE)
    ladder.run_until("2026-11-20 12:00")
    assert ladder.view()["rung"] == "frontline"


def test_money_safety_runs_around_the_clock() -> None:
    ladder = Ladder()
    ladder.open(
        "2026-11-21 23:00", category="account_takeover", lane="money_safety", severity="critical"
    )
    assert ladder.wake_at == at("2026-11-21 23:05")
    ladder.run_until("2026-11-21 23:05")
    assert ladder.view()["rung"] == "senior"
    assert ladder.clock("acknowledgement")["due_at"] == "2026-11-21T23:15:00+08:00"


def test_classified_into_danger_is_late_sooner(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    ladder.event(
        "case.classified",
        "2026-11-20 10:01",
        category="phishing",
        severity="critical",
        lane="money_safety",
    )
    assert ladder.clock("resolution")["due_at"] == "2026-11-20T13:58:00+08:00"
    assert ladder.view()["lane"] == "money_safety"


def test_app_faults_go_to_technical_support() -> None:
    ladder = Ladder()
    ladder.open(category="app_fault")
    ladder.run_until("2026-11-20 10:13")
    assert ladder.view()["owner_group"] == "technical_support"
    ladder.event(
        "case.classified",
        "2026-11-20 10:20",
        category="refund",
        severity="normal",
        lane="ordinary",
    )
    assert ladder.view()["owner_group"] == "senior"


def test_waiting_for_a_third_party_pauses_resolution_only(ladder: Ladder) -> None:
    ladder.event(
        "case.waiting",
        "2026-11-20 10:00",
        waiting_for="third_party",
        status="waiting_third_party",
    )
    assert ladder.clock("resolution")["state"] == "paused"
    assert ladder.clock("update")["state"] == "running"
    ladder.event("case.waiting", "2026-11-20 11:00", waiting_for="nobody", status="open")
    assert ladder.clock("resolution")["state"] == "running"


def test_warning_comes_once_at_its_share(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    ladder.run_until("2026-11-20 15:58")
    warned = ladder.said("clock.warned")
    assert [(event.clock, event.threshold_percent) for event in warned] == [("resolution", 75)]


def test_reopening_without_an_end_is_no_new_episode(ladder: Ladder) -> None:
    ladder.event("case.reopened", "2026-11-20 10:00", episode=2)
    assert ladder.state.episode == 1


def test_first_event_must_open_the_case() -> None:
    with pytest.raises(LadderUnknownError):
        Ladder().event("case.resolved", "2026-11-20 10:00", outcome="x")


def test_case_under_another_pin_is_not_begun(ladder: Ladder) -> None:
    other = Ladder(compile_policy(ladder.policy.pack, "sha256:other"))
    with pytest.raises(ValueError, match="pinned"):
        other.open(policy=ladder.policy.pin)


def test_explain_shows_the_arithmetic(ladder: Ladder) -> None:
    ladder.event("customer.asked", "2026-11-20 10:10")
    ladder.event("customer.answered", "2026-11-21 20:00")
    explained = explain(ladder.state, ladder.policy)
    resolution = next(clock for clock in explained["clocks"] if clock["name"] == "resolution")
    assert resolution["segments"][0] == {
        "from": "2026-11-20T09:58:00+08:00",
        "to": "2026-11-20T10:10:00+08:00",
        "counted": "PT12M",
        "why": "open hours",
    }
    assert resolution["segments"][1]["why"] == "paused: waiting_customer"
    assert resolution["segments"][-1]["to"] == resolution["due_at"]
    assert resolution["calendar"]["digest"].startswith("sha256:")
    assert resolution["pack_digest"] == ladder.policy.digest
    assert len(resolution["events"]) == 3
    assert explained["rungs"][0]["reason"] == "opened"


def test_old_runs_of_a_clock_leave_the_document(ladder: Ladder) -> None:
    ladder.run_until("2027-01-20 10:00")
    assert ladder.state.dropped_cycles["update"] > 0
    assert len([record for record in ladder.state.clocks if record.name == "update"]) <= 14
    assert ladder.document is not None
    assert len(ladder.document) < 20_000


def test_past_the_horizon_a_clock_is_provisional_and_never_early() -> None:
    """The holidays of 2027 are not known: the case wakes at the earliest possible instant."""
    ladder = Ladder()
    ladder.open("2026-12-31 17:50")
    clock = ladder.clock("resolution")
    assert clock["provisional"] is True
    assert ladder.wake_at is not None
    assert ladder.wake_at < at("2027-01-04 09:05")
    fired: list[object] = []
    while ladder.wake_at is not None and not fired:
        before = ladder.wake_at
        fired += ladder.wake().events
        assert fired or ladder.wake_at > before
    missed = ladder.said("clock.missed")[0]
    assert ladder.now == missed.due_at


def test_ended_clock_keeps_its_due_instant(ladder: Ladder) -> None:
    ladder.event("customer.asked", "2026-11-20 10:10")
    ladder.event("customer.answered", "2026-11-21 20:00")
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:13:00+08:00"


def test_explain_shows_a_pause_that_goes_on(ladder: Ladder) -> None:
    ladder.event("customer.asked", "2026-11-20 10:10")
    explained = explain(ladder.state, ladder.policy)
    resolution = next(clock for clock in explained["clocks"] if clock["name"] == "resolution")
    assert (resolution["state"], resolution["due_at"]) == ("paused", None)
    assert resolution["segments"][-1] == {
        "from": "2026-11-20T10:10:00+08:00",
        "to": None,
        "counted": "PT0S",
        "why": "paused: waiting_customer",
    }
