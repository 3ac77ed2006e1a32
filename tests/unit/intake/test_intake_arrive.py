"""Contacts, files and facts reaching a case."""

from __future__ import annotations

import pytest

from schemas.case import FactsAdded
from schemas.report import Contact, EvidenceRef, Transaction
from schemas.vocabulary import Role, Status
from services.intake.core.arrive import News, arrive, at_impossible_time, spoke
from services.intake.core.decide import decide
from services.intake.core.lifecycle import Arrival
from services.intake.core.outcome import Reason, Refusal
from services.intake.core.state import Case
from tests.support.cases import NOW, POLICIES, POLICY, command, names, open_case, refused, taken

FILE = EvidenceRef(fact="payment_receipt", sha256="b" * 64, media_type="image/jpeg")
INBOUND = Contact.model_validate({"channel": "chat"})
OUTBOUND = Contact.model_validate(
    {
        "channel": "phone",
        "direction": "outbound",
        "agent": {"name": "李四", "staff_number": "A1024"},
    }
)


def waiting() -> Case:
    asked = command("ask_customer", text="?", facts=["evidence.payment_receipt"])
    return taken(decide(open_case(), asked, POLICIES, NOW)).case


def sent(file: EvidenceRef = FILE) -> News:
    return News(Arrival.EVIDENCE, Reason.EVIDENCE_ADDED, evidence=(file,))


def facts(**told: object) -> News:
    return News(Arrival.FACTS, Reason.FACTS_ADDED, facts=told)


def test_the_receipt_answers_the_question() -> None:
    outcome = taken(arrive(waiting(), sent(), POLICY, NOW))
    assert names(outcome) == ["evidence.added", "customer.answered"]
    assert outcome.case.status is Status.OPEN
    assert outcome.case.missing_facts == ()
    assert outcome.case.asked_facts == ()


def test_status_in_an_event_is_the_status_after_it() -> None:
    outcome = taken(arrive(waiting(), sent(), POLICY, NOW))
    assert [event.status for event in outcome.events] == [Status.WAITING_CUSTOMER, Status.OPEN]


def test_the_same_file_again_is_nothing_new() -> None:
    once = taken(arrive(open_case(), sent(), POLICY, NOW)).case
    again = taken(arrive(once, sent(), POLICY, NOW))
    assert (again.reason, again.events, again.case) == (Reason.NOTHING_NEW, (), once)


def test_our_own_call_does_not_answer_for_the_customer() -> None:
    outcome = taken(arrive(waiting(), spoke(OUTBOUND, NOW), POLICY, NOW))
    assert names(outcome) == ["contact.added"]
    assert outcome.case.status is Status.WAITING_CUSTOMER
    assert outcome.events[0].by_role is Role.AGENT


def test_the_customers_chat_answers() -> None:
    outcome = taken(arrive(waiting(), spoke(INBOUND, NOW), POLICY, NOW))
    assert names(outcome) == ["contact.added", "customer.answered"]
    assert outcome.events[0].by_role is Role.CUSTOMER


def test_facts_from_a_backend_do_not_answer_for_the_customer() -> None:
    outcome = taken(arrive(waiting(), facts(bank="B"), POLICY, NOW))
    assert names(outcome) == ["facts.added"]
    assert outcome.case.status is Status.WAITING_CUSTOMER


def test_facts_already_held_are_nothing_new() -> None:
    outcome = taken(arrive(open_case(), facts(counterparty_contacted=True), POLICY, NOW))
    assert outcome.reason is Reason.NOTHING_NEW


def test_news_of_the_transaction_keep_what_they_do_not_name() -> None:
    news = News(
        Arrival.FACTS, Reason.FACTS_ADDED, transaction=Transaction(id="tx-5567", status="sent")
    )
    case = taken(arrive(open_case(), news, POLICY, NOW)).case
    assert case.transaction is not None
    assert (case.transaction.status, str(case.transaction.amount)) == ("sent", "1280.00")


def test_news_of_another_transaction_are_refused() -> None:
    news = News(Arrival.FACTS, Reason.FACTS_ADDED, transaction=Transaction(id="tx-1"))
    answer = refused(arrive(open_case(), news, POLICY, NOW))
    assert (answer.reason, answer.pointer) == (Refusal.ANOTHER_TRANSACTION, "/transaction/id")


@pytest.mark.parametrize("news", [sent(), spoke(INBOUND, NOW), facts(bank="B")])
def test_a_merged_case_takes_nothing(news: News) -> None:
    target = open_case(external_id="other")
    merged = taken(
        decide(open_case(), command("merge", into=str(target.id)), POLICIES, NOW, target)
    ).case
    answer = refused(arrive(merged, news, POLICY, NOW))
    assert answer.reason is Refusal.NOT_IN_THIS_STATUS
    assert Status.MERGED not in answer.statuses


def test_a_closed_case_hears_but_stays_closed() -> None:
    closed = taken(decide(open_case(), command("close", reason="."), POLICIES, NOW)).case
    outcome = taken(arrive(closed, spoke(INBOUND, NOW), POLICY, NOW))
    assert outcome.case.status is Status.CLOSED


def test_contact_numbers_go_on() -> None:
    first = taken(arrive(open_case(), spoke(INBOUND, NOW), POLICY, NOW)).case
    second = taken(arrive(first, spoke(INBOUND, NOW), POLICY, NOW)).case
    assert len({record.id for record in second.contacts}) == 3


def test_times_are_judged_against_now() -> None:
    assert at_impossible_time(NOW, "/occurred_at", NOW) is None


def test_whom_the_customer_complains_about_is_said_in_clear() -> None:
    opened = taken(arrive(open_case(), facts(complained_about="A1024"), POLICY, NOW))
    (event,) = opened.events
    assert isinstance(event, FactsAdded)
    assert event.complained_about == ("A1024",)
    assert "complained_about" in event.names
