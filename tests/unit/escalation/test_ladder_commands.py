"""Every command: what it changes, and the reason with which it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from services.escalation.core.commands import CommandRefusedError, RefusalReason
from services.escalation.core.roster import KnownAgents
from tests.support.ladder import Ladder, at


@pytest.fixture
def ladder() -> Ladder:
    opened = Ladder()
    opened.open()
    return opened


@pytest.fixture
def on_senior(ladder: Ladder) -> Ladder:
    ladder.run_until("2026-11-20 10:13")
    assert ladder.view()["rung"] == "senior"
    return ladder


def refused(ladder: Ladder, name: str, when: str | None = None, **fields: object) -> RefusalReason:
    before = ladder.document
    with pytest.raises(CommandRefusedError) as caught:
        ladder.command(name, when, **fields)  # type: ignore[arg-type]  # fields are a command's own
    assert ladder.document == before
    return caught.value.reason


def test_claim_gives_the_case_to_one_agent(ladder: Ladder) -> None:
    ladder.command("claim", "2026-11-20 10:00")
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.name) == ("A1024", "李四")
    assert refused(ladder, "claim", by="A2001") is RefusalReason.ALREADY_HELD


def test_claiming_twice_says_nothing_twice(ladder: Ladder) -> None:
    ladder.command("claim")
    assert ladder.command("claim").events == ()


def test_claim_is_refused_to_customers(ladder: Ladder) -> None:
    assert refused(ladder, "claim", role="customer") is RefusalReason.ROLE_NOT_ALLOWED


def test_unknown_staff_number_is_refused_once_a_roster_was_given(ladder: Ladder) -> None:
    binding = KnownAgents({"A1024": "李四"}, binding=True)
    assert refused(ladder, "claim", by="X1", agents=binding) is RefusalReason.UNKNOWN_AGENT
    ladder.command("claim", by="X1", agents=KnownAgents())
    assert ladder.view()["holder"]["staff_number"] == "X1"


def test_release_is_for_the_holder_or_a_supervisor(ladder: Ladder) -> None:
    assert refused(ladder, "release") is RefusalReason.NOT_HELD
    ladder.command("claim")
    assert refused(ladder, "release", by="A2001") is RefusalReason.NOT_HOLDER
    ladder.command("release", by="S1", role="supervisor")
    assert ladder.view()["holder"] is None
    assert ladder.said("holder.changed")[-1].previous_staff_number == "A1024"


def test_recused_agent_may_not_hold_again(ladder: Ladder) -> None:
    ladder.command("claim")
    ladder.command("recuse", reason="knows the customer")
    assert ladder.view()["holder"] is None
    assert refused(ladder, "claim") is RefusalReason.RECUSED
    ladder.command("claim", by="A2001")
    refusal = refused(ladder, "hand_over", by="A2001", to_agent="A1024", brief="all said")
    assert refusal is RefusalReason.RECUSED


def test_hand_over_carries_the_brief(ladder: Ladder) -> None:
    ladder.command("claim")
    ladder.command("hand_over", to_agent="A2001", brief="the receipt is there")
    changed = ladder.said("holder.changed")[-1]
    assert (changed.staff_number, changed.name, changed.brief) == (
        "A2001",
        "王五",
        "the receipt is there",
    )


def test_acknowledge_stops_the_clock_until_it_expires(on_senior: Ladder) -> None:
    on_senior.command("claim", "2026-11-20 10:20", by="A2001")
    for_two_hours: dict[str, Any] = {"for": "PT2H"}
    on_senior.command("acknowledge", "2026-11-20 10:30", by="A2001", **for_two_hours)
    assert on_senior.clock("acknowledgement")["state"] == "met"
    on_senior.run_until("2026-11-20 12:30")
    clock = on_senior.clock("acknowledgement")
    assert (clock["state"], clock["due_at"]) == ("running", "2026-11-20T13:30:00+08:00")
    on_senior.run_until("2026-11-20 13:30")
    assert on_senior.view()["rung"] == "email"


def test_acknowledge_without_end_holds_for_the_visit(on_senior: Ladder) -> None:
    on_senior.command("acknowledge", "2026-11-20 10:30", by="A2001")
    # Eight hours of service time from Friday 10:13: the rung's own budget.
    on_senior.run_until("2026-11-23 09:12")
    assert on_senior.view()["rung"] == "senior"
    on_senior.run_until("2026-11-23 09:13")
    assert on_senior.view()["rung"] == "email"
    assert on_senior.said("rung.entered")[-1].reason == "rung_budget_spent"


def test_escalate_goes_to_the_next_rung_or_the_one_named(ladder: Ladder) -> None:
    ladder.command("escalate", "2026-11-20 10:00", reason="too hard")
    assert ladder.view()["rung"] == "senior"
    entered = ladder.said("rung.entered")[-1]
    assert (entered.reason, entered.by_role, entered.text) == ("agent_asked", "agent", "too hard")
    assert refused(ladder, "escalate", reason="x", to="frontline") is RefusalReason.NOT_HIGHER
    assert refused(ladder, "escalate", reason="x", to="moon") is RefusalReason.UNKNOWN_RUNG
    ladder.command("escalate", reason="now", role="customer", by="cust-1", to="email")
    assert ladder.said("rung.entered")[-1].reason == "customer_asked"


def test_escalating_to_a_customer_rung_only_offers_it(ladder: Ladder) -> None:
    ladder.command("escalate", reason="x", to="social")
    assert ladder.view()["rung"] == "frontline"
    assert ladder.view()["offers"][0]["rung"] == "social"
    assert refused(ladder, "escalate", reason="x", to="social") is RefusalReason.ALREADY_OFFERED


def test_de_escalation_is_a_new_visit_and_bounded(ladder: Ladder) -> None:
    assert refused(ladder, "de_escalate", reason="x") is RefusalReason.NO_LOWER_RUNG
    for _ in range(2):
        ladder.command("escalate", reason="up")
        ladder.command("de_escalate", reason="down")
    assert (ladder.view()["rung"], ladder.view()["visit"]) == ("frontline", 3)
    ladder.command("escalate", reason="up")
    assert refused(ladder, "de_escalate", reason="down") is RefusalReason.VISITS_USED_UP


def test_agents_pause_ends_by_itself_and_is_capped(ladder: Ladder) -> None:
    ladder.command("pause", "2026-11-20 10:00", reason="bank", until="2026-11-20T12:00:00+08:00")
    assert ladder.view()["state"] == "paused"
    assert ladder.clock("resolution")["state"] == "paused"
    assert ladder.clock("update")["state"] == "running"
    assert refused(ladder, "pause", reason="again") is RefusalReason.ALREADY_PAUSED
    ladder.event("customer.replied_to", "2026-11-20 10:05", channel="phone")
    ladder.run_until("2026-11-20 12:00")
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T10:58:00+08:00"
    assert refused(ladder, "resume") is RefusalReason.NOT_PAUSED
    too_long = refused(ladder, "pause", reason="x", until="2026-11-30T12:00:00+08:00")
    assert too_long is RefusalReason.PAUSE_CAP_REACHED
    ladder.command("pause", reason="as long as may be")
    # Three days in all, two hours of them used.
    ladder.run_until("2026-11-23 10:00")
    assert ladder.clock("resolution")["state"] == "running"
    assert refused(ladder, "pause", reason="more") is RefusalReason.PAUSE_CAP_REACHED


def test_resume_ends_the_pause(ladder: Ladder) -> None:
    ladder.command("pause", "2026-11-20 10:00", reason="x")
    ladder.command("resume", "2026-11-20 10:10")
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T09:08:00+08:00"
    assert ladder.said("clock.resumed")[-1].clock == "resolution"


def test_offer_needs_consent_and_is_then_entered(ladder: Ladder) -> None:
    ladder.command("escalate", reason="x", to="social")
    customer = {"role": "customer", "by": "cust-1"}
    missing = refused(ladder, "accept_offer", rung="social", **customer)
    assert missing is RefusalReason.CONSENT_MISSING
    none_such = refused(ladder, "accept_offer", rung="regulator", **customer)
    assert none_such is RefusalReason.NO_SUCH_OFFER
    consent = {"consent_to": "social", "wording_sha256": "0" * 64}
    ladder.event("consent.given", "2026-11-20 10:05", **consent)
    ladder.command("accept_offer", rung="social", **customer)  # type: ignore[arg-type]  # role and by
    view = ladder.view()
    assert (view["rung"], view["path"], view["owner_group"]) == ("social", "social", "social_care")
    assert view["offers"] == []
    assert ladder.names()[-3:] == ["offer.accepted", "rung.entered", "clock.started"]


def test_revoked_consent_is_no_consent(ladder: Ladder) -> None:
    ladder.command("escalate", reason="x", to="social")
    consent = {"consent_to": "social", "wording_sha256": "0" * 64}
    ladder.event("consent.given", "2026-11-20 10:01", **consent)
    ladder.event("consent.revoked", "2026-11-20 10:02", **consent)
    missing = refused(ladder, "accept_offer", rung="social", role="customer")
    assert missing is RefusalReason.CONSENT_MISSING


def test_declined_offer_opens_the_next(ladder: Ladder) -> None:
    ladder.command("escalate", reason="x", to="social")
    ladder.command("decline_offer", rung="social", role="customer", reason="no")
    assert [offer["rung"] for offer in ladder.view()["offers"]] == ["regulator"]
    ladder.command("decline_offer", rung="regulator", role="customer")
    assert ladder.view()["offers"] == []
    assert ladder.view()["rung"] == "frontline"


def test_command_first_acts_on_what_was_due(ladder: Ladder) -> None:
    ladder.command("claim", "2026-11-20 10:20", by="A2001")
    assert ladder.rungs() == ["frontline", "senior"]
    assert ladder.view()["holder"]["staff_number"] == "A2001"
    entered = ladder.said("rung.entered")[-1]
    assert (entered.entered_at, entered.lateness_ms) == (at("2026-11-20 10:20"), 420_000)


def test_nothing_can_be_commanded_after_the_end(ladder: Ladder) -> None:
    ladder.event("case.withdrawn", "2026-11-20 10:00")
    assert refused(ladder, "claim") is RefusalReason.LADDER_STOPPED


def test_whoever_enters_a_rung_gets_running_clocks(ladder: Ladder) -> None:
    ladder.command("pause", "2026-11-20 10:00", reason="x")
    ladder.run_until("2026-11-20 10:13")
    assert ladder.view()["rung"] == "senior"
    assert ladder.clock("resolution")["state"] == "running"
    assert refused(ladder, "resume") is RefusalReason.NOT_PAUSED


def test_extend_adds_time_within_the_bound(ladder: Ladder) -> None:
    ladder.event("customer.replied_to", "2026-11-20 10:00", channel="phone")
    terms: dict[str, Any] = {"clock": "resolution", "reason": "bank", "approver": "S1"}
    ladder.command("extend", by_duration="PT2H", **terms)
    assert ladder.clock("resolution")["due_at"] == "2026-11-23T10:58:00+08:00"
    assert ladder.said("clock.started")[-1].budget == "PT10H"
    too_far = refused(ladder, "extend", by_duration="PT7H", **terms)
    assert too_far is RefusalReason.EXTENSION_BOUND
    ladder.command("extend", by_duration="PT6H", **terms)
    other = refused(ladder, "extend", by_duration="PT1H", **{**terms, "clock": "update"})
    assert other is RefusalReason.EXTENSION_BOUND
    ended = refused(ladder, "extend", by_duration="PT1H", **{**terms, "clock": "first_response"})
    assert ended is RefusalReason.CLOCK_ENDED
    unknown = refused(ladder, "extend", by_duration="PT1H", **{**terms, "clock": "lunch"})
    assert unknown is RefusalReason.UNKNOWN_CLOCK
    ladder.run_until("2026-11-24 09:00")
    late = refused(ladder, "extend", by_duration="PT1H", **terms)
    assert late is RefusalReason.AFTER_DUE
