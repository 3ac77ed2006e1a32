"""A report opens, is known, or collapses into the case it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.case import CaseOpened, ContactAdded
from schemas.vocabulary import Status
from services.intake.core.admit import admit
from services.intake.core.decide import decide
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, Policies, case_id
from tests.support.cases import (
    NOW,
    POLICIES,
    POLICY,
    SUBJECT,
    command,
    names,
    open_case,
    policy,
    refused,
    report,
    report_body,
    taken,
)

RECEIPT = {"fact": "payment_receipt", "sha256": "a" * 64, "media_type": "image/png"}
CHAT = {"channel": "chat", "direction": "inbound"}


def admitted(
    known: Case | None = None, candidates: Sequence[Case] = (), **changes: Any
) -> Outcome | Refused:
    return admit(
        report(**changes),
        subject=SUBJECT,
        known=known,
        candidates=candidates,
        policies=POLICIES,
        now=NOW,
    )


def chat(candidates: Sequence[Case], **changes: Any) -> Outcome | Refused:
    told = {"occurred_at": "2026-11-20T10:00:00+08:00", "contact": CHAT, **changes}
    return admitted(candidates=candidates, external_id="chat-1", **told)


def test_a_new_report_opens_a_case() -> None:
    outcome = taken(admitted())
    assert outcome.reason is Reason.OPENED
    assert names(outcome) == ["case.opened"]
    event = outcome.events[0]
    assert isinstance(event, CaseOpened)
    assert event.data_subject == SUBJECT
    assert event.policy == POLICY.pin
    assert event.started_at == datetime.fromisoformat("2026-11-20T09:58:00+08:00")
    assert event.missing_facts == ("evidence.payment_receipt",)
    assert outcome.case.id == case_id("call-centre", "call-778")
    assert outcome.case.status is Status.OPEN
    assert len(outcome.case.contacts) == 1


def test_nothing_personal_is_public_in_the_opening_event() -> None:
    event = taken(admitted()).events[0]
    public, private = event.split()
    for secret in ("张三", "李四", "customer@example.com", "138", "cust-1001", "tx-5567", "转账"):
        assert secret not in str(public)
        assert secret in str(private)


def test_files_of_the_report_follow_with_their_own_events() -> None:
    outcome = taken(admitted(evidence=[RECEIPT, RECEIPT]))
    assert names(outcome) == ["case.opened", "evidence.added"]
    assert outcome.case.missing_facts == ()


def test_a_known_identity_changes_nothing() -> None:
    case = open_case()
    outcome = taken(admitted(known=case, description="something else"))
    assert (outcome.reason, outcome.case, outcome.events) == (Reason.KNOWN, case, ())


def test_a_chat_about_the_same_transaction_is_one_more_contact() -> None:
    case = open_case()
    outcome = taken(chat([case]))
    assert (outcome.reason, names(outcome)) == (Reason.COLLAPSED, ["contact.added"])
    assert outcome.case.id == case.id
    assert len(outcome.case.contacts) == 2
    assert outcome.case.started_at == case.started_at


def test_an_earlier_contact_moves_the_start_back() -> None:
    outcome = taken(chat([open_case()], occurred_at="2026-11-20T09:30:00+08:00"))
    assert outcome.case.started_at == datetime.fromisoformat("2026-11-20T09:30:00+08:00")
    event = outcome.events[0]
    assert isinstance(event, ContactAdded)
    assert event.started_at == outcome.case.started_at


def test_a_collapsed_report_brings_its_new_facts_and_files() -> None:
    outcome = taken(chat([open_case()], facts={"bank": "B"}, evidence=[RECEIPT]))
    assert names(outcome) == ["contact.added", "facts.added", "evidence.added"]
    assert outcome.case.facts["bank"] == "B"
    assert outcome.case.missing_facts == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction": {"id": "tx-other"}},
        {"customer": {"id": "cust-other"}},
        {"occurred_at": "2026-11-18T10:00:00+08:00"},
        {"transaction": None},
    ],
)
def test_another_matter_opens_another_case(changes: dict[str, Any]) -> None:
    told = {"occurred_at": "2026-11-20T10:00:00+08:00", "contact": CHAT, **changes}
    outcome = taken(admitted(candidates=[open_case()], external_id="chat-1", **told))
    assert outcome.reason is Reason.OPENED


@pytest.mark.parametrize("end", ["close", "withdraw"])
def test_a_case_that_is_over_takes_no_contact_by_collapse(end: str) -> None:
    over = taken(decide(open_case(), command(end, reason="done"), POLICIES, NOW)).case
    assert taken(chat([over])).reason is Reason.OPENED


def test_the_oldest_candidate_takes_the_contact() -> None:
    old = open_case(external_id="a")
    new = open_case(external_id="b", now=NOW + timedelta(hours=1))
    assert taken(chat([new, old])).case.id == old.id


def test_a_collapse_while_waiting_for_the_customer_is_their_answer() -> None:
    asked = taken(decide(open_case(), command("ask_customer", text="?"), POLICIES, NOW)).case
    outcome = taken(chat([asked]))
    assert names(outcome) == ["contact.added", "customer.answered"]
    assert outcome.case.status is Status.OPEN


def test_an_old_case_keeps_its_own_policy() -> None:
    new = policy("2")
    both = Policies((new,), {**POLICIES.by_digest, new.pin.digest: new})
    outcome = admit(
        report(external_id="chat-1", facts={"bank": "B"}),
        subject=SUBJECT,
        known=None,
        candidates=[open_case()],
        policies=both,
        now=NOW,
    )
    assert taken(outcome).case.policy == POLICY.pin


def by(role: str) -> dict[str, str]:
    return {"role": role, "id": "cust-1001", "name": "张三"}


@pytest.mark.parametrize("known", [None, open_case()])
def test_a_customer_does_not_say_that_they_were_verified(known: Case | None) -> None:
    outcome = refused(admitted(known=known, by=by("customer")))
    assert outcome.reason is Refusal.IDENTITY_NOT_THEIRS_TO_VERIFY
    assert outcome.pointer == "/customer/identity_verified"


@pytest.mark.parametrize(
    ("role", "verified"), [("customer", False), ("backend", True), ("agent", True)]
)
def test_whoever_reports_is_told_with_the_case(role: str, verified: bool) -> None:
    customer = {**report_body()["customer"], "identity_verified": verified}
    outcome = taken(admitted(by=by(role), customer=customer))
    event = outcome.events[0]
    assert isinstance(event, CaseOpened)
    assert (event.by_role, event.identity_verified) == (role, verified)
    assert event.by is not None
    assert event.by.id == "cust-1001"


def test_a_contact_of_a_known_matter_is_by_whoever_reports_it() -> None:
    outcome = taken(chat([open_case()], by=by("backend")))
    assert [event.by_role for event in outcome.events] == ["backend"]


@pytest.mark.parametrize(
    ("changes", "reason", "pointer"),
    [
        (
            {"occurred_at": "2026-11-20T10:16:00+08:00"},
            Refusal.OCCURRED_IN_THE_FUTURE,
            "/occurred_at",
        ),
        (
            {"contact": {**CHAT, "occurred_at": "2027-01-01T00:00:00Z"}},
            Refusal.OCCURRED_IN_THE_FUTURE,
            "/contact/occurred_at",
        ),
        (
            {"occurred_at": "0001-01-01T00:00:00+08:00"},
            Refusal.OCCURRED_TOO_EARLY,
            "/occurred_at",
        ),
    ],
)
def test_impossible_times_are_refused_with_their_field(
    changes: dict[str, Any], reason: Refusal, pointer: str
) -> None:
    answer = refused(admitted(**changes))
    assert (answer.reason, answer.pointer) == (reason, pointer)


def test_a_clock_that_is_a_little_fast_is_forgiven() -> None:
    assert taken(admitted(occurred_at="2026-11-20T10:05:00+08:00")).reason is Reason.OPENED
