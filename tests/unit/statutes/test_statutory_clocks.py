"""The clocks of regimes in a running case: they begin, move, end, are missed and are shown."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from schemas.escalation import ClockMissed, ClockStarted, ClockStopped, RungEntered
from services.escalation.core.explain import explain
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import explain_again, replay
from services.packs import SHIPPED_PACKS, load_pack
from tests.support.ladder import Ladder

DETERMINE = "us-reg-e:determine_or_provisional_credit"
FINAL = "us-reg-e:investigation_final"
HOUSE = "payment_failed"


@lru_cache
def policy_of(pack: str) -> Policy:
    loaded = load_pack(SHIPPED_PACKS / pack)
    return compile_policy(loaded.pack, loaded.digest)


# Instants are written in Shanghai: New York is twelve hours behind it in September.
def waiting_case(pack: str = "wallet-us", **fields: Any) -> Ladder:
    """A case of Tuesday 1 September 2026, 10:00 in New York, that waits for its customer."""
    ladder = Ladder(policy_of(pack))
    ladder.now = ladder.real_now.replace(year=2026, month=9, day=1, hour=22, minute=0)
    ladder.open("2026-09-01 22:00", **{"category": HOUSE, **fields})
    ladder.event("customer.replied_to", "2026-09-01 22:01", channel="phone")
    ladder.event("customer.asked", "2026-09-01 22:02", status="waiting_customer")
    return ladder


def act(ladder: Ladder, name: str, at: str, recorded: str | None = None) -> None:
    """Something done at an instant of New York, recorded then or later (in Shanghai)."""
    ladder.event("act.recorded", recorded or ladder.now, act=name, at=at, status="waiting_customer")


def clock(ladder: Ladder, name: str) -> dict[str, Any]:
    return next(each for each in ladder.view()["clocks"] if each["name"] == name)


def told(ladder: Ladder, event: type, name: str) -> list[Any]:
    return [
        each
        for each in ladder.events
        if isinstance(each, event) and getattr(each, "clock", None) == name
    ]


def test_it_starts_with_the_case_and_says_what_it_rests_on() -> None:
    ladder = waiting_case()
    (started,) = told(ladder, ClockStarted, DETERMINE)
    assert started.kind == "statutory"
    assert started.citation.startswith("12 CFR 1005.11(c)(1)")
    shown = clock(ladder, DETERMINE)
    assert shown["kind"] == "statutory"
    assert shown["due_at"] == "2026-09-17T00:00:00-04:00"
    assert shown["state"] == "running"
    statute = shown["statute"]
    assert (statute["strict"], statute["exact"], statute["kept"]) == ("2026-09-16", True, None)
    assert statute["next_venue"].startswith("CFPB")
    assert shown["must_send"] == "results or notice of provisional credit"


def test_waiting_for_the_customer_stops_the_house_and_not_the_law() -> None:
    ladder = waiting_case()
    assert clock(ladder, "resolution")["state"] == "paused"
    ladder.run_until("2026-09-17 11:59")
    assert clock(ladder, DETERMINE)["state"] == "running"
    ladder.run_until("2026-09-17 12:00")
    (missed,) = told(ladder, ClockMissed, DETERMINE)
    assert missed.lateness_ms == 0
    entered = [each.reason.value for each in ladder.events if isinstance(each, RungEntered)]
    assert entered == ["opened", "clock_missed"]


def test_the_outer_limit_falls_with_the_inner_one() -> None:
    ladder = waiting_case()
    ladder.run_until("2026-09-18 00:00")
    assert told(ladder, ClockStarted, FINAL) == []
    regime = next(each for each in ladder.view()["statutes"] if each["regime"] == "us-reg-e")
    final = next(each for each in regime["clocks"] if each["name"] == "investigation_final")
    assert (final["status"], final["strict"]) == ("collapsed", "2026-09-16")


def test_credit_in_time_meets_the_inner_limit_and_opens_the_outer_one() -> None:
    ladder = waiting_case()
    act(ladder, "provisional_credit_posted", "2026-09-10T09:00-04:00", "2026-09-10 21:05")
    (stopped,) = told(ladder, ClockStopped, DETERMINE)
    assert stopped.met is True
    assert clock(ladder, FINAL)["due_at"] == "2026-10-17T00:00:00-04:00"
    assert clock(ladder, DETERMINE)["statute"]["kept"] is True


def test_a_fact_moves_a_running_clock() -> None:
    ladder = waiting_case()
    new_account = {"account_first_deposit": "2026-08-15", "eft_date": "2026-08-30"}
    ladder.event(
        "facts.added",
        "2026-09-03 10:00",
        names=tuple(new_account),
        statutory=new_account,
        status="waiting_customer",
    )
    assert clock(ladder, DETERMINE)["statute"]["strict"] == "2026-09-30"
    assert len(told(ladder, ClockStarted, DETERMINE)) == 2
    assert clock(ladder, DETERMINE)["cycle"] == 1


def test_what_was_done_in_time_is_in_time_however_late_it_was_recorded() -> None:
    ladder = waiting_case()
    ladder.run_until("2026-09-18 00:00")
    assert clock(ladder, DETERMINE)["state"] == "missed"
    act(ladder, "provisional_credit_posted", "2026-09-16T23:00-04:00", "2026-09-18 09:00")
    shown = clock(ladder, DETERMINE)
    assert (shown["state"], shown["missed_at"]) == ("met", None)
    assert clock(ladder, FINAL)["state"] == "running"


def test_what_was_done_too_late_answers_and_stays_missed() -> None:
    ladder = waiting_case()
    ladder.run_until("2026-09-18 00:00")
    act(ladder, "error_determined", "2026-09-17T00:00-04:00", "2026-09-18 09:00")
    shown = clock(ladder, DETERMINE)
    assert (shown["state"], shown["statute"]["kept"]) == ("missed", False)
    assert shown["ended_at"] is not None
    assert clock(ladder, "us-reg-e:correct_error")["statute"]["strict"] == "2026-09-18"


def test_a_confirmation_that_never_came_takes_the_inner_limit_away_at_its_instant() -> None:
    ladder = waiting_case()
    act(ladder, "written_confirmation_requested", "2026-09-01T11:00-04:00", "2026-09-01 23:01")
    ladder.run_until("2026-09-17 12:00")
    assert told(ladder, ClockMissed, DETERMINE) == []
    assert clock(ladder, DETERMINE)["state"] == "stopped"
    assert clock(ladder, FINAL)["statute"]["strict"] == "2026-10-16"


def test_an_earlier_contact_moves_the_receipt() -> None:
    ladder = waiting_case()
    ladder.event(
        "contact.added",
        "2026-09-02 22:00",
        contact_id=ladder.case_id,
        channel="email",
        direction="inbound",
        occurred_at="2026-08-31T10:00-04:00",
        started_at="2026-08-31T10:00-04:00",
        status="open",
    )
    assert clock(ladder, DETERMINE)["statute"]["strict"] == "2026-09-15"


def test_a_reopened_case_is_counted_from_its_first_receipt() -> None:
    ladder = waiting_case()
    ladder.event("case.resolved", "2026-09-03 22:00")
    assert clock(ladder, DETERMINE)["state"] == "stopped"
    ladder.event("case.reopened", "2026-09-09 22:00", episode=2)
    shown = clock(ladder, DETERMINE)
    assert (shown["state"], shown["statute"]["strict"]) == ("running", "2026-09-16")


def test_a_case_outside_the_regimes_categories_has_no_clock_of_it() -> None:
    ladder = waiting_case(category="app_fault")
    assert ladder.view()["statutes"] == []


@pytest.mark.parametrize(("pack", "name"), [("wallet-br", "ouvidoria_reply")])
def test_what_rests_on_memory_is_never_shown_as_exact(pack: str, name: str) -> None:
    ladder = waiting_case(pack)
    act(ladder, "ouvidoria_complaint_received", "2026-09-01T11:05-03:00")
    (regime,) = ladder.view()["statutes"]
    shown = next(each for each in regime["clocks"] if each["name"] == name)
    assert (shown["source_status"], shown["exact"]) == ("memory", False)
    assert shown["verified"].startswith("not exact")
    run = clock(ladder, f"br-ouvidoria:{name}")
    assert run["statute"]["exact"] is False
    assert run["verified"].startswith("not exact")


def test_strict_and_rolled_stand_side_by_side() -> None:
    ladder = Ladder(policy_of("wallet-cn"))
    ladder.now = ladder.real_now.replace(year=2026, month=2, day=2, hour=10, minute=0)
    ladder.open("2026-02-02 10:00", category=HOUSE)
    act(ladder, "complaint_forwarded", "2026-02-02T10:00+08:00", "2026-02-02 10:01")
    statute = clock(ladder, "cn-pboc-complaint:reply_to_complainant")["statute"]
    dates = (statute["strict"], statute["rolled"], statute["target"])
    assert dates == ("2026-02-17", "2026-02-24", "2026-02-14")
    assert "a roll to the next working day gives Tue 2026-02-24" in statute["because"][-1]


def test_the_explanation_follows_from_the_journal_alone() -> None:
    ladder = waiting_case()
    act(ladder, "provisional_credit_posted", "2026-09-10T09:00-04:00", "2026-09-10 21:05")
    ladder.run_until("2026-10-17 12:00")
    journal = ladder.journal()
    again = replay(journal, ladder.policy)
    assert explain(again.state, ladder.policy) == explain(ladder.state, ladder.policy)
    clocks = explain_again(journal, ladder.policy)["clocks"]
    rule = next(each["rule"] for each in clocks if each["name"] == FINAL)
    assert rule["where"] == "regimes.us-reg-e.clocks.investigation_final"
