"""The ladder's side of the story of the walkthrough, section 4, instant by instant."""

from __future__ import annotations

from services.escalation.core.explain import explain
from tests.support.ladder import Ladder, at


def test_opening_enters_frontline_and_starts_its_clocks() -> None:
    ladder = Ladder()
    ladder.open()
    assert ladder.names() == [
        "ladder.started",
        "rung.entered",
        "clock.started",
        "clock.started",
        "clock.started",
    ]
    view = ladder.view()
    assert view["rung"] == "frontline"
    assert view["path"] == "phone"
    assert view["owner_group"] == "frontline"
    assert view["state"] == "running"
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:13:00+08:00"
    assert ladder.clock("update")["due_at"] == "2026-11-20T13:58:00+08:00"
    assert ladder.clock("resolution")["due_at"] == "2026-11-20T17:58:00+08:00"
    assert view["next"] == {
        "at": "2026-11-20T10:13:00+08:00",
        "what": "first_response",
        "then": "senior",
    }
    assert ladder.wake_at == at("2026-11-20 10:13")
    assert ladder.events[0].next_update_at == at("2026-11-20 13:58")


def test_story_climbs_to_the_regulator_and_back() -> None:
    ladder = Ladder()
    ladder.open()
    ladder.event(
        "contact.added",
        "2026-11-20 10:03",
        contact_id=ladder.case_id,
        channel="chat",
        direction="inbound",
        occurred_at=at("2026-11-20 10:03"),
        started_at=at("2026-11-20 09:58"),
    )
    ladder.command("claim", "2026-11-20 10:10")
    assert ladder.view()["holder"] == {"staff_number": "A1024", "name": "李四"}
    ladder.event("customer.asked", "2026-11-20 10:10", facts=["evidence.payment_receipt"])
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("resolution")["state"] == "paused"
    assert ladder.clock("resolution")["paused"][0]["reason"] == "waiting_customer"
    assert ladder.view()["state"] == "paused"
    assert ladder.wake_at is None

    # Saturday evening; the next open minute is Monday 09:00. 12 minutes were used on Friday.
    ladder.event("customer.answered", "2026-11-21 20:00", names=["evidence.payment_receipt"])
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T16:48:00+08:00"
    assert ladder.clock("update")["due_at"] == "2026-11-23T13:00:00+08:00"
    ladder.run_until("2026-11-23 14:00")
    missed = ladder.said("clock.missed")
    assert [(event.clock, event.tell_customer) for event in missed] == [("update", True)]
    assert missed[0].next_update_at == at("2026-11-23 17:00")
    ladder.run_until("2026-11-23 16:48")
    assert ladder.rungs() == ["frontline", "senior"]
    assert ladder.view()["holder"] is None
    entered = ladder.said("rung.entered")[-1]
    assert entered.reason == "resolution_missed"
    assert entered.owner_group == "senior"

    # One hour of service time to acknowledge.
    ladder.run_until("2026-11-23 17:48")
    assert ladder.rungs() == ["frontline", "senior", "email"]
    assert ladder.said("rung.entered")[-1].reason == "acknowledgement_missed"
    ladder.run_until("2026-11-25 17:48")
    offer = ladder.said("offer.made")[-1]
    assert (offer.offered_rung, offer.rung, offer.expires_at) == (
        "social",
        "email",
        at("2026-11-28 17:48"),
    )
    assert ladder.view()["rung"] == "email"
    ladder.run_until("2026-11-28 17:48")
    assert [event.offered_rung for event in ladder.said("offer.expired")] == ["social"]
    assert ladder.view()["offers"][0]["rung"] == "regulator"
    ladder.run_until("2026-12-05 17:48")
    assert ladder.view()["offers"] == []
    assert ladder.view()["rung"] == "email"
    assert ladder.wake_at is not None, "the update clock never falls silent"

    ladder.event("case.resolved", "2026-12-07 10:00", outcome="refunded")
    assert ladder.view()["state"] == "stopped"
    assert ladder.wake_at is None
    assert ladder.names()[-1] == "ladder.stopped"

    ladder.event("case.reopened", "2026-12-08 10:00", episode=2)
    view = ladder.view()
    assert (view["episode"], view["rung"], view["visit"]) == (2, "senior", 1)
    assert len(view["history"]) == 4
    assert ladder.clock("first_response")["due_at"] == "2026-12-08T10:15:00+08:00"
    ladder.event("case.resolved", "2026-12-08 10:05", outcome="explained")
    ladder.event("case.confirmed", "2026-12-08 10:06")
    before = len(ladder.events)
    assert ladder.wake("2027-12-08 10:00").events == ()
    assert len(ladder.events) == before


def test_a_reopened_case_keeps_the_arithmetic_of_the_episode_before() -> None:
    ladder = Ladder()
    ladder.open()
    ladder.event("customer.asked", "2026-11-20 10:10", facts=[])
    ladder.event("customer.answered", "2026-11-21 20:00")
    ladder.command("pause", "2026-11-23 09:10", reason="system down")
    ladder.command("resume", "2026-11-23 09:20")
    ladder.event("case.resolved", "2026-11-23 10:00", outcome="refunded")
    before = explain(ladder.state, ladder.policy)["clocks"]
    ladder.event("case.reopened", "2026-11-23 11:00", episode=2)

    again = explain(ladder.state, ladder.policy)["clocks"]
    assert [clock for clock in again if clock["episode"] == 1] == before
    assert all(clock["paused"] == [] for clock in again if clock["episode"] == 2)
