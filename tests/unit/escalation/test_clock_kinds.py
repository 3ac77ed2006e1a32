"""Statutory clocks beside service clocks, both meanings of "next update", and extensions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.pack_clocks import ClockRule
from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.explain import explain
from services.packs import load_pack
from services.yaml_files import InvalidFileError
from tests.support.ladder import STATUTORY, Ladder, at, statutory_policy


@pytest.fixture
def ladder() -> Ladder:
    ladder = Ladder(statutory_policy())
    ladder.open("2026-11-20 09:58")
    return ladder


def due(ladder: Ladder, name: str) -> str | None:
    found: str | None = ladder.clock(name)["due_at"]
    return found and found.removesuffix("+08:00").replace("T", " ").removesuffix(":00")


def states(ladder: Ladder) -> dict[str, str]:
    return {clock["name"]: clock["state"] for clock in ladder.view()["clocks"]}


def explained(ladder: Ladder, name: str) -> dict[str, Any]:
    clocks = explain(ladder.state, ladder.policy)["clocks"]
    return next(clock for clock in clocks if clock["name"] == name)


def test_each_clock_ends_by_its_own_rule_and_calendar(ladder: Ladder) -> None:
    assert due(ladder, "resolution") == "2026-11-20 17:58"
    # One business day of an office that is closed on Monday, at its close of business.
    assert due(ladder, "acknowledgement_letter") == "2026-11-24 18:00"
    # Two weeks after a Friday is a Friday, whole.
    assert due(ladder, "final_response") == "2026-12-05 00:00"
    # 20 December is a Sunday: rolled back to Friday the 18th.
    assert due(ladder, "investigation") == "2026-12-19 00:00"
    assert due(ladder, "monthly_letter") == "2026-11-27 09:58"


def test_a_statutory_clock_says_its_law_and_what_must_be_sent(ladder: Ladder) -> None:
    shown = ladder.clock("final_response")
    assert (shown["kind"], shown["citation"]) == ("statutory", "Act on Complaints, section 5")
    assert (shown["verified"], shown["must_send"]) == ("2026-11-01", "final_response")
    assert explained(ladder, "final_response")["rule"]["end"] == "end_of_day"
    started = [event for event in ladder.said("clock.started") if event.clock == "final_response"]
    assert started[0].citation == "Act on Complaints, section 5"
    assert (started[0].budget, started[0].unit) == ("P2W", "weeks")


def test_only_what_its_pack_says_pauses_a_statutory_clock(ladder: Ladder) -> None:
    before = due(ladder, "final_response")
    ladder.event("customer.asked", "2026-11-20 10:00")
    assert states(ladder) == {
        "informed": "paused",
        "answered": "met",
        "resolution": "paused",
        "acknowledgement_letter": "met",
        "final_response": "running",
        "investigation": "paused",
        "monthly_letter": "running",
    }
    ladder.event("customer.answered", "2026-11-30 10:00")
    assert due(ladder, "final_response") == before
    # Ten days of waiting are given back; it ends with the day.
    assert due(ladder, "investigation") == "2026-12-31 00:00"


def test_downtime_never_shifts_a_statutory_clock(ladder: Ladder) -> None:
    ladder.event("customer.asked", "2026-11-20 10:00")
    ladder.wake("2026-12-12 10:00")
    missed = {event.clock: event for event in ladder.said("clock.missed")}
    assert missed["final_response"].due_at == at("2026-12-05 00:00")
    weekly = [event for event in ladder.said("clock.missed") if event.clock == "monthly_letter"]
    assert [event.due_at for event in weekly] == [
        at("2026-11-27 09:58"),
        at("2026-12-04 09:58"),
        at("2026-12-11 09:58"),
    ]
    # What is missed runs again from when it was due, not from when we woke up.
    assert due(ladder, "monthly_letter") == "2026-12-18 09:58"
    assert due(ladder, "informed") is None


def test_an_answer_is_owed_from_the_first_unanswered_word(ladder: Ladder) -> None:
    assert due(ladder, "answered") == "2026-11-20 11:58"
    contact = {"contact_id": ladder.case_id, "channel": "chat", "direction": "inbound"}

    def writes(when: str) -> None:
        instants = {"occurred_at": at(when), "started_at": at("2026-11-20 09:58")}
        ladder.event("contact.added", when, by_role="customer", **contact, **instants)

    writes("2026-11-20 10:30")
    assert due(ladder, "answered") == "2026-11-20 11:58"
    ladder.event("customer.replied_to", "2026-11-20 11:00", channel="chat")
    assert ladder.clock("answered")["state"] == "met"
    ladder.event("customer.replied_to", "2026-11-20 11:10", channel="chat")
    assert ladder.clock("answered")["cycle"] == 1
    writes("2026-11-20 14:00")
    writes("2026-11-20 15:00")
    assert (due(ladder, "answered"), ladder.clock("answered")["cycle"]) == ("2026-11-20 16:00", 2)
    ladder.wake("2026-11-20 16:00")
    assert ladder.rungs()[-1] == "senior"
    writes("2026-11-20 16:30")
    assert (ladder.clock("answered")["state"], ladder.clock("answered")["cycle"]) == ("missed", 2)
    ladder.event("customer.replied_to", "2026-11-20 16:40", channel="chat")
    facts = {"names": ["already_tried"], "by_role": "backend"}
    ladder.event("facts.added", "2026-11-20 16:45", **facts)
    assert ladder.clock("answered")["cycle"] == 2
    ladder.event("facts.added", "2026-11-20 16:50", **{**facts, "by_role": "customer"})
    assert due(ladder, "answered") == "2026-11-23 09:50"


def test_an_inform_clock_begins_anew_with_each_word_of_an_agent(ladder: Ladder) -> None:
    assert due(ladder, "informed") == "2026-11-20 13:58"
    ladder.event("customer.replied_to", "2026-11-20 11:00", channel="chat")
    assert due(ladder, "informed") == "2026-11-20 15:00"
    ladder.wake("2026-11-20 15:00")
    assert due(ladder, "informed") == "2026-11-23 10:00"


def test_an_answer_that_ends_a_wait_starts_unpaused(ladder: Ladder) -> None:
    ladder.event("customer.asked", "2026-11-20 10:00")
    ladder.event("customer.answered", "2026-11-20 15:00")
    assert ladder.clock("answered")["state"] == "running"
    assert ladder.names()[-2:] == ["clock.resumed", "clock.started"]
    assert due(ladder, "answered") == "2026-11-20 17:00"


def test_each_threshold_is_told_once(ladder: Ladder) -> None:
    ladder.run_until("2026-11-20 17:58")
    warned = [(e.clock, e.threshold_percent) for e in ladder.said("clock.warned")]
    assert warned == [("resolution", 50), ("resolution", 75), ("resolution", 90)]
    ladder.event("customer.asked", "2026-11-20 17:59")
    ladder.event("customer.answered", "2026-11-23 09:30")
    ladder.run_until("2026-12-05 00:00")
    warned = [(e.clock, e.threshold_percent) for e in ladder.said("clock.warned")]
    assert warned[3:] == [("final_response", 50), ("final_response", 75), ("final_response", 90)]


def extend(ladder: Ladder, clock: str, by: str) -> str | None:
    """The reason of the refusal; None when the time was given."""
    try:
        ladder.command(
            "extend", clock=clock, by_duration=by, reason="third party", approver="S0001"
        )
    except CommandRefusedError as refused:
        return refused.reason.value
    return None


def test_extensions_keep_to_bound_and_unit(ladder: Ladder) -> None:
    assert extend(ladder, "resolution", "PT3H") is None
    assert due(ladder, "resolution") == "2026-11-23 11:58"
    assert extend(ladder, "resolution", "PT2H") == "extension_bound"
    assert extend(ladder, "resolution", "PT1H") is None
    assert extend(ladder, "investigation", "P1D") == "extension_bound"
    assert extend(ladder, "final_response", "P8D") == "extension_bound"
    assert extend(ladder, "final_response", "P3D") == "extension_unit"
    assert extend(ladder, "final_response", "P7D") is None
    assert due(ladder, "final_response") == "2026-12-12 00:00"
    assert extend(ladder, "final_response", "P7D") == "extension_bound"
    (given,) = explained(ladder, "final_response")["extensions"]
    assert (given["approver"], given["actor"], given["by"]) == ("S0001", "A1024", "P7D")
    assert extend(ladder, "nothing", "PT1H") == "unknown_clock"
    ladder.wake("2026-12-12 00:00")
    assert extend(ladder, "final_response", "P7D") == "after_due"


def test_an_extension_needs_a_reason_and_an_approver(ladder: Ladder) -> None:
    for missing in ("reason", "approver"):
        fields: dict[str, Any] = {
            "clock": "resolution",
            "by_duration": "PT1H",
            "reason": "x",
            "approver": "S0001",
        }
        del fields[missing]
        with pytest.raises(ValueError, match=missing):
            ladder.command("extend", **fields)


def test_a_meaning_spells_out_its_events() -> None:
    budget = {"amount": "PT2H", "unit": "elapsed", "calendar": "any"}
    answer = ClockRule.model_validate({"name": "a", "meaning": "answer", "budget": budget})
    assert answer.starts_on == ("case.opened", "case.reopened", "customer.spoke")
    assert (answer.stops_on, answer.restarts_on) == (("agent.spoke",), ())
    inform = ClockRule.model_validate(
        {"name": "i", "meaning": "inform", "restarts_on": ["agent.spoke"], "budget": budget}
    )
    assert (inform.stops_on, inform.restarts_on) == ((), ("agent.spoke",))
    assert ClockRule.model_validate(answer.model_dump(mode="json")) == answer
    assert inform.budget.amount == timedelta(hours=2)


def test_an_event_that_does_not_exist_is_found_with_its_line(tmp_path: Path) -> None:
    text = (STATUTORY / "pack.yaml").read_text()
    (tmp_path / "pack.yaml").write_text(text.replace("[agent.spoke]", "[agent.talked]"))
    with pytest.raises(InvalidFileError) as refused:
        load_pack(tmp_path)
    line = 1 + text[: text.index("[agent.spoke]")].count("\n")
    assert f"pack.yaml:{line}: " in refused.value.lines[0]
    assert "there is no event 'agent.talked'" in refused.value.lines[0]
