"""Any sequence of commands and arrivals leaves a case that its own events and table explain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.report import Actor, Contact, EvidenceRef
from schemas.vocabulary import Role
from services.intake.core.arrive import News, arrive, spoke
from services.intake.core.decide import decide
from services.intake.core.incidents import Incident, Update, Words, link, tell, unlink
from services.intake.core.lifecycle import (
    Arrival,
    CommandName,
    Linking,
    Move,
    is_over,
    legal_statuses,
    status_after,
)
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case
from tests.support.cases import NOW, POLICIES, POLICY, command, open_case

OUTAGE = Incident(UUID(int=5), updates=1, closed=False)
BY = Actor(role=Role.AGENT, id="A1024")
NEWS = Update(1, Words(text="x", by=BY))
TARGET = open_case(external_id="target")
LATER = (NOW + timedelta(days=1)).isoformat()
FIELDS: dict[str, dict[str, Any]] = {
    "reply": {"text": "x", "channel": "chat"},
    "ask_customer": {"text": "?", "facts": ["bank"]},
    "wait_third_party": {"party": "bank"},
    "third_party_answered": {"text": "x"},
    "provide": {"facts": {"bank": "B"}},
    "promise": {"what": "x", "by_when": LATER},
    "classify": {"category": "refund", "reason": "x"},
    "verify_identity": {"method": "x"},
    "consent": {"to": "social", "wording": "x", "given": True},
    "record_act": {"act": "final_response_sent", "at": "2026-11-19T10:00:00Z"},
    "resolve": {"outcome": "x"},
    "confirm": {},
    "reopen": {"reason": "x"},
    "withdraw": {"reason": "x"},
    "close": {"reason": "x"},
    "merge": {"into": str(TARGET.id)},
}


def play(case: Case, move: Move) -> Outcome | Refused:
    match move:
        case CommandName():
            return decide(case, command(move, **_fields(case, move)), POLICIES, NOW, TARGET)
        case Arrival():
            return arrive(case, _news(case, move), POLICY, NOW)
        case Linking():
            return link(case, OUTAGE, BY, NOW, NEWS)


def _fields(case: Case, move: CommandName) -> dict[str, Any]:
    if move is CommandName.KEEP_PROMISE:
        open_promises = [p for p in case.promises if p.kept_at is None]
        return {"promise": str(open_promises[0].id if open_promises else case.id)}
    if move is CommandName.SPLIT:
        return {"contacts": [str(case.contacts[-1].id)]}
    return FIELDS[move]


def _news(case: Case, move: Arrival) -> News:
    number = len(case.timeline)
    match move:
        case Arrival.CUSTOMER_CONTACT:
            return spoke(Contact.model_validate({"channel": "chat"}), NOW)
        case Arrival.OPERATOR_CONTACT:
            return spoke(Contact.model_validate({"channel": "chat", "direction": "outbound"}), NOW)
        case Arrival.EVIDENCE:
            file = EvidenceRef(sha256=f"{number:064x}", media_type="image/png")
            return News(move, Reason.EVIDENCE_ADDED, evidence=(file,))
        case Arrival.FACTS:
            return News(move, Reason.FACTS_ADDED, facts={"number": number})


@given(st.lists(st.sampled_from([*CommandName, *Arrival, *Linking]), max_size=15))
def test_status_moves_only_by_the_table(moves: list[Move]) -> None:
    case = open_case()
    for move in moves:
        expected = status_after(move, case.status)
        outcome = play(case, move)
        if isinstance(outcome, Refused):
            illegal = outcome.reason is Refusal.NOT_IN_THIS_STATUS
            assert illegal is (expected is None)
            assert not illegal or outcome.statuses == legal_statuses(move)
            continue
        assert outcome.case.status is expected
        if move is Linking.LINK and case.incident is not None:
            assert outcome.events == ()  # the same link again
            continue
        assert outcome.events[-1].status is expected
        assert outcome.case.timeline[: len(case.timeline)] == case.timeline
        assert len(outcome.case.timeline) == len(case.timeline) + len(outcome.events)
        assert Case.from_bytes(outcome.case.to_bytes()) == outcome.case
        case = outcome.case


STEPS = st.sampled_from([*CommandName, *Arrival, Linking.LINK, Linking.LINK, "tell", "unlink"])


@given(st.lists(STEPS, max_size=20))
def test_only_a_case_that_is_worked_on_is_part_of_an_incident(moves: list[Any]) -> None:
    case = open_case()
    for move in moves:
        if move == "tell" and case.incident is None:
            continue  # only linked cases are told
        if move == "tell":
            outcome: Outcome | Refused = tell(case, OUTAGE, NEWS, NOW)
        elif move == "unlink":
            outcome = unlink(case, OUTAGE.id, BY, NOW)
        else:
            outcome = play(case, move)
        if isinstance(outcome, Outcome):
            case = outcome.case
            assert outcome.opened is None or outcome.opened.case.incident is None
        assert case.incident is None or not is_over(case.status)
