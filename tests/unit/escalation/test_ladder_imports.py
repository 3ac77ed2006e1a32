"""The clocks of a case that comes from another system, by its import mode."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalation.core.explain import explain
from services.escalation.core.replay import explain_again
from tests.support.ladder import Ladder, at, statutory_policy


def imported(mode: str, ladder: Ladder | None = None, **fields: Any) -> Ladder:
    """A case opened elsewhere on Tuesday, imported on Friday at 09:58."""
    ladder = ladder or Ladder()
    started_at = at("2026-11-17 15:00")
    ladder.open(import_mode=mode, opened_at=started_at, started_at=started_at, **fields)
    return ladder


@pytest.mark.parametrize("status", ["open", "waiting_customer", "resolved", "closed", "withdrawn"])
def test_history_has_no_clock_ever(status: str) -> None:
    ladder = imported("historical", status=status)
    view = ladder.view()
    assert (view["state"], view["stopped"], view["clocks"]) == ("stopped", "imported", [])
    assert (view["import_mode"], view["next"], ladder.wake_at) == ("historical", None, None)
    (only,) = view["history"]
    assert (only["rung"], only["reason"]) == ("frontline", "imported")
    assert only["entered_at"] == "2026-11-17T15:00:00+08:00"
    assert ladder.names() == ["ladder.started", "ladder.stopped"]
    ladder.event("customer.asked", "2026-11-20 10:00")
    ladder.event("promise.made", "2026-11-20 11:00", promise_id=ladder.case_id, by_when=ladder.now)
    assert ladder.wake("2027-11-20 10:00").events == ()
    assert (ladder.wake_at, ladder.names()) == (None, ["ladder.started", "ladder.stopped"])
    assert explain(ladder.state, ladder.policy)["rungs"][0]["rule"]["where"] == "ladder"


def test_only_reopening_gives_history_clocks() -> None:
    ladder = imported("historical", status="closed")
    ladder.event("case.reopened", "2026-11-20 10:00", episode=2)
    view = ladder.view()
    assert (view["state"], view["episode"], view["rung"]) == ("running", 2, "senior")
    assert [entry["reason"] for entry in view["history"]] == ["imported", "reopened"]
    assert ladder.wake_at is not None


def test_clocks_run_on_with_what_is_used_up() -> None:
    ladder = imported("resume", consumed={"resolution": "PT7H30M", "update": "PT1H"})
    resolution = ladder.clock("resolution")
    assert (resolution["budget"], resolution["consumed"]) == ("PT8H", "PT7H30M")
    assert resolution["due_at"] == "2026-11-20T10:28:00+08:00"
    assert ladder.clock("update")["due_at"] == "2026-11-20T12:58:00+08:00"
    # Nothing was said of it: nothing of it is used up.
    assert ladder.clock("first_response")["due_at"] == "2026-11-20T10:13:00+08:00"
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    assert ladder.clock("update")["consumed"] is None
    ladder.run_until("2026-11-20 10:28")
    assert ladder.rungs() == ["frontline", "senior"]
    # 75 % of eight hours was past when it came: told at once, and once.
    (warned,) = ladder.said("clock.warned")
    assert (warned.clock, warned.threshold_percent) == ("resolution", 75)


def test_the_arithmetic_shows_what_was_used_up_before() -> None:
    ladder = imported("resume", consumed={"resolution": "PT7H30M"})
    clocks = explain(ladder.state, ladder.policy)["clocks"]
    resolution = next(clock for clock in clocks if clock["name"] == "resolution")
    assert [(step["counted"], step["why"]) for step in resolution["segments"]] == [
        ("PT7H30M", "used up before the import"),
        ("PT30M", "open hours"),
    ]


def test_a_spent_budget_is_due_at_once() -> None:
    ladder = imported("resume", consumed={"resolution": "PT9H"})
    assert ladder.wake_at == ladder.now
    ladder.wake()
    assert ladder.rungs() == ["frontline", "senior"]


def test_a_case_that_waits_goes_on_waiting() -> None:
    ladder = imported("resume", status="waiting_customer", consumed={"resolution": "PT1H"})
    assert ladder.clock("resolution")["state"] == "paused"
    ladder.event("customer.answered", "2026-11-20 11:00")
    assert ladder.clock("resolution")["due_at"] == "2026-11-20T18:00:00+08:00"


def test_what_the_law_counts_runs_from_the_opening_elsewhere() -> None:
    ladder = Ladder(statutory_policy())
    imported("resume", ladder, consumed={"resolution": "PT7H"})
    assert ladder.clock("final_response")["due_at"] == "2026-12-02T00:00:00+08:00"
    assert ladder.clock("monthly_letter")["due_at"] == "2026-11-24T15:00:00+08:00"
    assert ladder.clock("resolution")["due_at"] == "2026-11-20T10:58:00+08:00"


def test_a_fresh_import_runs_as_a_report_does() -> None:
    fresh, reported = Ladder(), Ladder()
    fresh.open(import_mode="fresh")
    reported.open()
    assert fresh.view()["clocks"] == reported.view()["clocks"]
    assert fresh.names() == reported.names()


@pytest.mark.parametrize("mode", ["historical", "resume", "fresh"])
def test_an_import_explains_itself_from_its_journal(mode: str) -> None:
    ladder = imported(mode, consumed={"resolution": "PT7H30M"} if mode == "resume" else {})
    ladder.run_until("2026-11-23 12:00")
    again = explain_again(ladder.journal(), ladder.policy)
    position = f"escalations:{len(ladder.events)}"
    assert again == {**explain(ladder.state, ladder.policy), "position": position}
