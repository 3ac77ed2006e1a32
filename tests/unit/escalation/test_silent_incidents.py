"""An incident that nobody speaks for holds the clocks of its cases only so long."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.pack import IncidentRule
from services.escalation.core.explain import explain
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import replay
from services.packs import pinned
from tests.support.ladder import Ladder, wallet_policy

OUTAGE = UUID("00000000-0000-4000-8000-0000000000aa")
# Eight business hours from 10:05 on: five minutes of them are left for Monday.
SILENT = "2026-11-23 09:05"


def holding(policy: Policy | None = None) -> Ladder:
    """Opened at 09:58, linked at 10:00, told at 10:05."""
    ladder = Ladder(policy)
    ladder.open()
    happens(ladder, "linked", "2026-11-20 10:00")
    happens(ladder, "updated", "2026-11-20 10:05")
    return ladder


def happens(ladder: Ladder, name: str, when: str, **fields: Any) -> None:
    ladder.event(f"incident.{name}", when, incident_id=OUTAGE, **fields)


def resolution(ladder: Ladder) -> tuple[str, str | None]:
    clock = ladder.clock("resolution")
    return clock["state"], clock["due_at"]


def test_after_so_long_a_silence_the_clocks_run_again_and_it_is_told() -> None:
    ladder = holding()
    ladder.run_until("2026-11-23 09:04")
    assert (resolution(ladder)[0], ladder.said("incident.silent")) == ("paused", [])
    ladder.run_until(SILENT)
    # All but the two minutes before it was linked is left of eight hours.
    assert resolution(ladder) == ("running", "2026-11-23T17:03:00+08:00")
    (told,) = ladder.said("incident.silent")
    assert (told.incident_id, told.held_since.isoformat()) == (
        OUTAGE,
        "2026-11-20T10:00:00+08:00",
    )
    resumed = ladder.said("clock.resumed")
    assert {event.reason for event in resumed} == {"incident.silent"}
    assert ladder.view()["incident"] == str(OUTAGE)
    ladder.run_until("2026-11-23 17:03")
    assert ladder.said("rung.entered")[-1].reason == "resolution_missed"
    assert replay(ladder.journal(), ladder.policy).state == ladder.state


def test_a_link_without_a_word_counts_from_itself() -> None:
    ladder = Ladder()
    ladder.open()
    happens(ladder, "linked", "2026-11-20 10:00")
    ladder.run_until("2026-11-20 17:59")
    assert ladder.said("incident.silent") == []
    ladder.run_until("2026-11-20 18:00")
    assert len(ladder.said("incident.silent")) == 1


def test_each_update_prolongs_it() -> None:
    ladder = holding()
    happens(ladder, "updated", "2026-11-20 17:05")
    ladder.run_until("2026-11-23 16:04")
    assert resolution(ladder)[0] == "paused"
    ladder.run_until("2026-11-23 16:05")
    assert resolution(ladder)[0] == "running"


def test_an_update_after_the_silence_holds_them_again() -> None:
    ladder = holding()
    ladder.run_until("2026-11-23 10:05")
    happens(ladder, "updated", "2026-11-23 10:05")
    assert resolution(ladder)[0] == "paused"
    happens(ladder, "unlinked", "2026-11-23 11:05", incident_over=True)
    # The hour between the silence and the update was used up.
    assert resolution(ladder) == ("running", "2026-11-24T09:03:00+08:00")
    assert len(ladder.said("incident.silent")) == 1


def test_late_news_counts_from_when_it_was_given() -> None:
    ladder = holding()
    ladder.run_until("2026-11-23 09:30")
    happens(ladder, "updated", "2026-11-20 12:00")
    assert resolution(ladder)[0] == "paused"
    ladder.run_until("2026-11-23 11:00")
    assert resolution(ladder) == ("running", "2026-11-24T09:58:00+08:00")


def test_taken_off_after_the_silence_it_costs_the_case_nothing_more() -> None:
    ladder = holding()
    ladder.run_until("2026-11-23 10:05")
    due = resolution(ladder)
    happens(ladder, "unlinked", "2026-11-23 10:05", incident_over=True)
    assert resolution(ladder) == due
    assert ladder.view()["incident"] is None


def test_a_pack_without_the_rule_lets_them_be_held() -> None:
    pack = wallet_policy().pack.model_copy(update={"incident": IncidentRule()})
    loaded = pinned(pack)
    ladder = holding(compile_policy(loaded.pack, loaded.digest))
    ladder.run_until("2026-11-25 12:00")
    assert resolution(ladder)[0] == "paused"
    assert ladder.said("incident.silent") == []


def test_explain_says_where_the_pause_ended() -> None:
    ladder = holding()
    ladder.run_until("2026-11-23 12:00")
    told = explain(ladder.state, ladder.policy)["clocks"]
    (clock,) = (each for each in told if each["name"] == "resolution")
    assert [event["what"] for event in clock["events"]] == [
        "started",
        "paused: incident",
        "resumed",
    ]
    spans = [(each["to"], each["counted"], each["why"]) for each in clock["segments"]]
    assert spans[1] == ("2026-11-23T09:05:00+08:00", "PT0S", "paused: incident")
    assert spans[2] == ("2026-11-23T17:03:00+08:00", "PT7H58M", "open hours")
