"""Every command: its event, the case after it, and its refusals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas import case as events
from schemas import conversation
from schemas.report import Contact
from schemas.vocabulary import Category, ConsentTo, Lane, Severity, Status, WaitingFor
from services.intake.core.arrive import arrive, spoke
from services.intake.core.decide import decide
from services.intake.core.outcome import Outcome, Refusal, Refused
from services.intake.core.state import Case
from tests.support.cases import NOW, POLICIES, POLICY, command, names, open_case, refused, taken

LATER = (NOW + timedelta(hours=3)).isoformat()


def ordered(case: Case, name: str, target: Case | None = None, **fields: Any) -> Outcome | Refused:
    return decide(case, command(name, **fields), POLICIES, NOW, target)


def after(case: Case, name: str, **fields: Any) -> Case:
    return taken(ordered(case, name, **fields)).case


def resolved() -> Case:
    return after(open_case(), "resolve", outcome="refunded", summary="paid")


def two_contacts() -> Case:
    news = spoke(Contact.model_validate({"channel": "app", "summary": "also my card"}), NOW)
    return taken(arrive(open_case(), news, POLICY, NOW)).case


@pytest.mark.parametrize(
    ("name", "fields", "event", "status"),
    [
        ("reply", {"text": "hi", "channel": "chat"}, "customer.replied_to", "open"),
        ("ask_customer", {"text": "?"}, "customer.asked", "waiting_customer"),
        ("wait_third_party", {"party": "bank"}, "case.waiting", "waiting_third_party"),
        ("promise", {"what": "call", "by_when": LATER}, "promise.made", "open"),
        ("classify", {"category": "refund", "reason": "r"}, "case.classified", "open"),
        ("verify_identity", {"method": "id card"}, "identity.verified", "open"),
        ("resolve", {"outcome": "refunded"}, "case.resolved", "resolved"),
        ("withdraw", {"reason": "r"}, "case.withdrawn", "withdrawn"),
        ("close", {"reason": "r"}, "case.closed", "closed"),
    ],
)
def test_one_event_and_the_status_of_the_table(
    name: str, fields: dict[str, Any], event: str, status: str
) -> None:
    outcome = taken(ordered(open_case(), name, **fields))
    assert names(outcome) == [event]
    assert outcome.case.status == status
    assert outcome.events[0].by is not None
    assert outcome.case.timeline[-1].event == event


def test_not_in_this_status_names_the_statuses() -> None:
    answer = refused(ordered(open_case(), "confirm"))
    assert answer.reason is Refusal.NOT_IN_THIS_STATUS
    assert answer.statuses == (Status.RESOLVED,)
    assert answer.pointer is None


def test_waiting_for_a_third_party_ends_with_their_answer() -> None:
    waiting = after(open_case(), "wait_third_party", party="bank", reference="r")
    outcome = taken(ordered(waiting, "third_party_answered", text="sent back"))
    event = outcome.events[0]
    assert isinstance(event, conversation.CaseWaiting)
    assert event.waiting_for is WaitingFor.NOBODY
    assert outcome.case.status is Status.OPEN


def test_provide_answers_with_facts() -> None:
    asked = after(open_case(), "ask_customer", text="?", facts=["bank"])
    assert asked.asked_facts == ("bank",)
    outcome = taken(ordered(asked, "provide", facts={"bank": "B"}))
    assert names(outcome) == ["facts.added", "customer.answered"]
    assert outcome.case.facts["bank"] == "B"
    assert outcome.case.status is Status.OPEN


def test_a_promise_is_kept_once() -> None:
    promised = after(open_case(), "promise", what="call", by_when=LATER)
    promise = str(promised.promises[0].id)
    kept = after(promised, "keep_promise", promise=promise)
    assert kept.promises[0].kept_at == NOW
    assert refused(ordered(kept, "keep_promise", promise=promise)).reason is (
        Refusal.PROMISE_ALREADY_KEPT
    )


def test_promises_are_known_and_lie_ahead() -> None:
    unknown = refused(ordered(open_case(), "keep_promise", promise=str(UUID(int=1))))
    assert (unknown.reason, unknown.pointer) == (Refusal.UNKNOWN_PROMISE, "/promise")
    past = refused(ordered(open_case(), "promise", what="x", by_when=NOW.isoformat()))
    assert (past.reason, past.pointer) == (Refusal.PROMISED_IN_THE_PAST, "/by_when")


def test_classify_takes_severity_lane_and_facts_from_the_pack() -> None:
    case = after(open_case(), "classify", category="unauthorised_transaction", reason="r")
    assert case.category is Category.UNAUTHORISED_TRANSACTION
    assert (case.severity, case.lane) == (Severity.CRITICAL, Lane.MONEY_SAFETY)
    assert case.missing_facts == ()
    assert case.triage["category"] == "person"


def test_classify_may_state_the_severity() -> None:
    case = after(open_case(), "classify", category="refund", severity="high", reason="r")
    assert case.severity is Severity.HIGH


def test_consent_is_the_last_word() -> None:
    given = after(open_case(), "consent", to="social", wording="May we?", given=True)
    taken_back = after(given, "consent", to="social", wording="May we?", given=False)
    assert [(c.to, c.given) for c in taken_back.consents] == [(ConsentTo.SOCIAL, False)]
    closed = after(given, "close", reason="r")
    assert names(taken(ordered(closed, "consent", to="social", wording="w", given=False))) == [
        "consent.revoked"
    ]


def test_reopening_begins_an_episode() -> None:
    reopened = taken(ordered(resolved(), "reopen", reason="still missing"))
    assert (reopened.case.episode, reopened.case.status) == (2, Status.OPEN)
    assert reopened.events[0].episode == 2
    assert reopened.case.outcome is None
    closed = after(resolved(), "confirm")
    assert after(closed, "reopen", reason="r").episode == 2


def test_merge_moves_on_and_carries_the_facts() -> None:
    target = open_case(external_id="target")
    outcome = taken(ordered(open_case(), "merge", target, into=str(target.id)))
    event = outcome.events[0]
    assert isinstance(event, events.CaseMerged)
    assert event.facts["already_tried"] == "restarted the app"
    assert (outcome.case.status, outcome.case.merged_into) == (Status.MERGED, target.id)


def test_no_cycle_of_merges_can_arise() -> None:
    a, b = open_case(external_id="a"), open_case(external_id="b")
    itself = refused(ordered(a, "merge", a, into=str(a.id)))
    assert (itself.reason, itself.pointer) == (Refusal.MERGED_INTO_ITSELF, "/into")
    a_in_b = taken(ordered(a, "merge", b, into=str(b.id))).case
    assert refused(ordered(b, "merge", a_in_b, into=str(a.id))).reason is Refusal.TARGET_IS_MERGED


def test_merging_into_nothing_is_refused() -> None:
    answer = refused(ordered(open_case(), "merge", into=str(UUID(int=9))))
    assert (answer.reason, answer.pointer) == (Refusal.UNKNOWN_CASE, "/into")


def test_split_opens_a_case_from_contacts() -> None:
    case = two_contacts()
    moving = case.contacts[1]
    outcome = taken(ordered(case, "split", contacts=[str(moving.id)]))
    assert outcome.opened is not None
    new = outcome.opened.case
    assert names(outcome) == ["case.split"]
    assert names(outcome.opened) == ["case.opened"]
    assert (new.customer.id, new.transaction) == (case.customer.id, None)
    assert new.started_at == moving.occurred_at
    assert outcome.case.contacts[1].moved_to == new.id
    assert outcome.case.split_into == (new.id,)


def test_split_leaves_a_contact_and_knows_its_contacts() -> None:
    case = two_contacts()
    everything = [str(record.id) for record in case.contacts]
    assert refused(ordered(case, "split", contacts=everything)).reason is Refusal.NO_CONTACT_LEFT
    stranger = refused(ordered(case, "split", contacts=[everything[0], str(UUID(int=3))]))
    assert (stranger.reason, stranger.pointer) == (Refusal.UNKNOWN_CONTACT, "/contacts/1")
    once = after(case, "split", contacts=everything[1:])
    again = refused(ordered(once, "split", contacts=everything[1:]))
    assert again.reason is Refusal.UNKNOWN_CONTACT


def test_free_words_are_private() -> None:
    outcome = taken(ordered(open_case(), "resolve", outcome="张三收到了", summary="李四"))
    public, private = outcome.events[0].split()
    assert "张三" not in str(public)
    assert "李四" not in str(public)
    assert private["outcome"] == "张三收到了"


@pytest.mark.parametrize("how", ["close", "withdraw"])
def test_no_case_is_merged_into_one_that_nobody_works_on(how: str) -> None:
    target = after(open_case(external_id="target"), how, reason="x")
    answer = refused(ordered(open_case(), "merge", target, into=str(target.id)))
    assert (answer.reason, answer.pointer) == (Refusal.TARGET_IS_OVER, "/into")
