"""What a case says for the law: which facts travel in clear, and which acts can be recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.case import ActRecorded, CaseOpened, FactsAdded
from schemas.report import FactReported
from services.intake.core.admit import opening
from services.intake.core.arrive import News, arrive
from services.intake.core.decide import decide
from services.intake.core.lifecycle import Arrival
from services.intake.core.matching import choose
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, Policies, Policy
from services.packs import SHIPPED_PACKS, load_pack
from tests.support.cases import NOW, SUBJECT, command, open_case, report, taken

LOADED = load_pack(SHIPPED_PACKS / "wallet-us")
US = Policy(
    pin=open_case().policy.model_copy(update={"digest": LOADED.digest}),
    pack=LOADED.pack,
)
POLICIES = Policies((US,), {US.pin.digest: US})


def us_case() -> Case:
    return open_case().model_copy(update={"policy": US.pin})


def ordered(**fields: Any) -> Outcome | Refused:
    return decide(us_case(), command("record_act", **fields), POLICIES, NOW)


def test_an_act_is_recorded_with_its_own_instant() -> None:
    outcome = taken(ordered(act="provisional_credit_posted", at="2026-11-18T09:00:00-05:00"))
    (event,) = outcome.events
    assert isinstance(event, ActRecorded)
    assert event.act == "provisional_credit_posted"
    assert event.at == datetime(2026, 11, 18, 14, tzinfo=UTC)
    assert outcome.case.timeline[-1].detail["act"] == "provisional_credit_posted"
    assert "text" in ActRecorded.private_fields()


@pytest.mark.parametrize(
    ("fields", "reason", "pointer"),
    [
        ({"act": "prayed", "at": NOW.isoformat()}, Refusal.UNKNOWN_ACT, "/act"),
        (
            {"act": "error_determined", "at": (NOW + timedelta(hours=1)).isoformat()},
            Refusal.OCCURRED_IN_THE_FUTURE,
            "/at",
        ),
    ],
)
def test_an_act_nobody_counts_or_that_is_to_come_is_refused(
    fields: dict[str, Any], reason: Refusal, pointer: str
) -> None:
    refused = ordered(**fields)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.pointer) == (reason, pointer)
    if reason is Refusal.UNKNOWN_ACT:
        assert "error_determined" in refused.detail


def test_an_act_can_be_recorded_after_the_case_has_ended() -> None:
    closed = taken(decide(us_case(), command("close", reason="x"), POLICIES, NOW)).case
    act = command("record_act", act="results_reported", at=NOW.isoformat())
    assert taken(decide(closed, act, POLICIES, NOW)).case.status is closed.status


def opened(**changes: Any) -> CaseOpened:
    return opening(report(**changes), SUBJECT, choose(report(**changes), (US,)))


def test_only_what_a_regime_asks_for_travels_in_clear_and_only_in_its_shape() -> None:
    facts = {
        "eft_kind": "pos_debit",
        "account_kind": "Zhang San, +8613800138000",
        "kyc_verified": "no",
        "statement_sent": "2026-10-31",
        "account_first_deposit": "last spring",
        "nickname": "Lao Zhang",
    }
    event = opened(facts=facts)
    said = {name: event.statutory[name] for name in event.statutory if name in facts}
    assert said == {
        "eft_kind": "pos_debit",
        "kyc_verified": False,
        "statement_sent": "2026-10-31",
    }


def test_the_transactions_own_date_is_taken_in_the_packs_zone_unless_somebody_says() -> None:
    transaction = {"id": "t-1", "at": "2026-11-20T02:00:00Z"}
    assert opened(transaction=transaction).statutory["eft_date"] == "2026-11-19"
    told = opened(transaction=transaction, facts={"eft_date": "2026-11-01"})
    assert told.statutory["eft_date"] == "2026-11-01"


def test_later_facts_travel_too() -> None:
    facts = FactReported.model_validate(
        {"case": {"case_id": str(SUBJECT)}, "facts": {"uses_120_day_option": True}}
    ).facts
    news = News(Arrival.FACTS, Reason.FACTS_ADDED, facts=facts)
    (event,) = taken(arrive(us_case(), news, US, NOW)).events
    assert isinstance(event, FactsAdded)
    assert event.statutory == {"uses_120_day_option": True}
