"""What an incident does to the ladder of one of its cases, and how unlinking undoes it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from services.escalation.core.explain import explain
from tests.support.ladder import Ladder, at, statutory_policy

OUTAGE = UUID("00000000-0000-4000-8000-0000000000aa")
OTHER = UUID("00000000-0000-4000-8000-0000000000bb")


@pytest.fixture
def ladder() -> Ladder:
    """Opened at 09:58: first response due 10:13, update 13:58, resolution 17:58."""
    opened = Ladder()
    opened.open()
    return opened


def link(ladder: Ladder, when: str, incident: UUID = OUTAGE) -> None:
    ladder.event("incident.linked", when, incident_id=incident)


def update(ladder: Ladder, when: str, incident: UUID = OUTAGE) -> None:
    ladder.event("incident.updated", when, incident_id=incident)


def unlink(ladder: Ladder, when: str, incident: UUID = OUTAGE, **fields: Any) -> None:
    ladder.event("incident.unlinked", when, incident_id=incident, **fields)


def test_linked_the_clocks_that_allow_it_stand_still_and_the_word_is_still_owed(
    ladder: Ladder,
) -> None:
    link(ladder, "2026-11-20 10:00")
    view = ladder.view()
    assert (view["incident"], view["state"]) == (str(OUTAGE), "paused")
    states = {clock["name"]: clock["state"] for clock in view["clocks"]}
    assert states == {"first_response": "running", "update": "running", "resolution": "paused"}
    assert ladder.clock("resolution")["paused"][0]["reason"] == "incident"
    assert ladder.said("clock.paused")[-1].reason == "incident"


def test_an_update_answers_as_an_agent_does(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:05:00+08:00"
    ladder.run_until("2026-11-20 14:04")
    assert ladder.rungs() == ["frontline"]


def test_nobody_falls_silent_while_an_incident_lasts(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    ladder.run_until("2026-11-20 15:00")
    missed = ladder.said("clock.missed")
    assert [(event.clock, event.tell_customer) for event in missed] == [("update", True)]
    assert ladder.clock("update")["state"] == "running"


def test_unlinking_brings_back_what_only_the_incident_answered(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    update(ladder, "2026-11-20 10:08")
    unlink(ladder, "2026-11-20 10:10")
    assert (ladder.view()["incident"], ladder.view()["state"]) == (None, "running")
    assert ladder.clock("first_response")["state"] == "running"
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:13:00+08:00"
    assert ladder.clock("update")["due_at"] == "2026-11-20T13:58:00+08:00"
    # Ten minutes were given back, of which two fall on Friday's last open minutes.
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T09:08:00+08:00"
    again = [event.clock for event in ladder.said("clock.started")][-2:]
    assert again == ["first_response", "update"]
    ladder.run_until("2026-11-20 10:13")
    assert ladder.said("rung.entered")[-1].reason == "first_response_missed"


def test_what_is_overdue_by_then_fires_at_once_and_says_since_when(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    unlink(ladder, "2026-11-20 14:00")
    assert ladder.wake_at == at("2026-11-20 10:13")
    ladder.wake("2026-11-20 14:00")
    missed = [(event.clock, event.due_at.isoformat()) for event in ladder.said("clock.missed")]
    assert missed == [
        ("first_response", "2026-11-20T02:13:00+00:00"),
        ("update", "2026-11-20T05:58:00+00:00"),
    ]
    assert ladder.rungs() == ["frontline", "senior"]


def test_what_an_agent_answered_too_stays_answered(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    ladder.event("customer.replied_to", "2026-11-20 10:30", channel="phone")
    unlink(ladder, "2026-11-20 11:00")
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:30:00+08:00"


def test_of_a_restart_by_an_agent_the_incident_takes_nothing_back(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    link(ladder, "2026-11-20 10:10")
    update(ladder, "2026-11-20 10:20")
    unlink(ladder, "2026-11-20 10:30")
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:00:00+08:00"


def test_when_the_incident_is_over_its_answers_hold(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    unlink(ladder, "2026-11-20 11:00", incident_over=True)
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:05:00+08:00"
    assert ladder.clock("resolution")["state"] == "running"
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T09:58:00+08:00"
    # Another incident that had nothing to do with the case takes back its own answers only.
    link(ladder, "2026-11-20 11:10", OTHER)
    update(ladder, "2026-11-20 11:20", OTHER)
    unlink(ladder, "2026-11-20 11:30", OTHER)
    assert ladder.clock("first_response")["state"] == "met"
    assert ladder.clock("update")["due_at"] == "2026-11-20T14:05:00+08:00"


def test_a_late_answer_is_taken_back_and_the_missed_clock_stays_missed(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 10:20")
    assert ladder.clock("first_response")["state"] == "missed"
    link(ladder, "2026-11-20 10:20")
    update(ladder, "2026-11-20 10:30")
    assert ladder.clock("first_response")["ended_at"] == "2026-11-20T10:30:00+08:00"
    unlink(ladder, "2026-11-20 10:40")
    assert ladder.clock("first_response")["state"] == "missed"
    assert ladder.clock("first_response")["ended_at"] is None


def test_the_rung_waits_too(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 10:13")
    link(ladder, "2026-11-20 10:33")
    assert ladder.clock("rung")["state"] == ladder.clock("acknowledgement")["state"] == "paused"
    ladder.run_until("2026-11-20 13:00")
    unlink(ladder, "2026-11-20 13:33")
    assert ladder.clock("acknowledgement")["due_at"] == "2026-11-20T14:13:00+08:00"
    assert ladder.rungs() == ["frontline", "senior"]


def test_the_end_of_the_case_ends_the_link(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    ladder.event("case.resolved", "2026-11-20 10:30", outcome="credited")
    assert ladder.view()["incident"] is None
    ladder.event("case.reopened", "2026-11-20 11:00", episode=2)
    assert (ladder.view()["incident"], ladder.view()["state"]) == (None, "running")
    assert ladder.clock("resolution")["state"] == "running"


def test_a_long_incident_is_undone_as_well(ladder: Ladder) -> None:
    """More updates than runs that the document keeps."""
    link(ladder, "2026-11-20 10:00")
    for minute in range(10, 40):
        update(ladder, f"2026-11-20 11:{minute}")
    assert len([run for run in ladder.state.clocks if run.name == "update"]) <= 15
    unlink(ladder, "2026-11-20 12:00")
    assert ladder.clock("update")["due_at"] == "2026-11-20T13:58:00+08:00"


def test_an_incident_that_holds_no_clock_pauses_nothing() -> None:
    ladder = Ladder(statutory_policy())
    ladder.open()
    link(ladder, "2026-11-20 10:00")
    assert ladder.view()["state"] == "running"
    statutory = [clock for clock in ladder.view()["clocks"] if clock["kind"] == "statutory"]
    assert statutory
    assert {clock["state"] for clock in statutory} == {"running"}


def test_an_earlier_contact_moves_what_comes_back(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:02")
    ladder.event(
        "contact.added",
        "2026-11-20 10:03",
        contact_id=OTHER,
        channel="app",
        direction="inbound",
        occurred_at="2026-11-20T09:52:00+08:00",
        started_at="2026-11-20T09:52:00+08:00",
    )
    unlink(ladder, "2026-11-20 10:05")
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:07:00+08:00"


def test_a_case_in_danger_is_late_sooner_when_its_clocks_come_back(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:02")
    ladder.event(
        "case.classified",
        "2026-11-20 10:03",
        category="phishing",
        severity="critical",
        lane="money_safety",
    )
    unlink(ladder, "2026-11-20 10:04")
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:03:00+08:00"
    assert ladder.clock("update")["due_at"] == "2026-11-20T10:58:00+08:00"


def test_late_news_of_an_incident_takes_a_rung_back(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 10:13")
    assert ladder.view()["rung"] == "senior"
    link(ladder, "2026-11-20 10:04")
    update(ladder, "2026-11-20 10:05")
    assert ladder.said("rung.retracted")[-1].reason == "late_event"
    assert ladder.view()["rung"] == "frontline"


def test_explain_names_the_events_that_counted(ladder: Ladder) -> None:
    link(ladder, "2026-11-20 10:00")
    update(ladder, "2026-11-20 10:05")
    unlink(ladder, "2026-11-20 10:10")
    clocks = explain(ladder.state, ladder.policy)["clocks"]
    told = {(clock["name"], event["what"]) for clock in clocks for event in clock["events"]}
    assert ("first_response", "restored") in told
    assert ("resolution", "paused: incident") in told
    assert ("resolution", "resumed") in told
