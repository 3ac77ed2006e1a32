"""Linking a case to an incident, telling it, letting it go: what each leads to, or why it can't."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas.report import Actor
from schemas.vocabulary import Role
from services.intake.core.decide import decide
from services.intake.core.incidents import (
    Incident,
    NewIncident,
    Update,
    Words,
    link,
    tell,
    unlink,
)
from services.intake.core.outcome import Reason, Refusal
from services.intake.core.state import Case
from tests.support.cases import AGENT, NOW, POLICIES, command, names, open_case, refused, taken

ID, OTHER = UUID(int=5), UUID(int=6)
BY = Actor(role=Role.SUPERVISOR, id="S1001", name="孙丽")
OPEN = Incident(ID, updates=2, closed=False)
CLOSED = Incident(ID, updates=2, closed=True)
NEWEST = Update(2, Words(text="支付恢复中", translations={"en": "Payments are recovering"}, by=BY))


def linked(**changes: Any) -> Case:
    return taken(link(open_case(**changes), OPEN, BY, NOW)).case


def order(case: Case, name: str, **fields: Any) -> Case:
    return taken(decide(case, command(name, **fields), POLICIES, NOW)).case


def test_a_link_before_any_update_tells_nothing() -> None:
    outcome = taken(link(open_case(), OPEN, BY, NOW))
    assert names(outcome) == ["incident.linked"]
    assert (outcome.case.incident, outcome.case.status) == (ID, "open")
    assert outcome.events[0].by == BY


def test_a_newcomer_is_told_the_newest_update_at_once() -> None:
    outcome = taken(link(open_case(), OPEN, BY, NOW, NEWEST))
    assert names(outcome) == ["incident.linked", "incident.updated"]
    told = outcome.case.timeline[-1].detail
    assert (told["number"], told["text"]) == (2, "支付恢复中")


def test_the_same_link_again_changes_nothing() -> None:
    outcome = taken(link(linked(), OPEN, BY, NOW, NEWEST))
    assert (outcome.reason, outcome.events) == (Reason.NOTHING_NEW, ())


def test_a_case_is_part_of_one_incident() -> None:
    other = Incident(OTHER, updates=0, closed=False)
    refusal = refused(link(linked(), other, BY, NOW))
    assert (refusal.reason, refusal.incident) == (Refusal.LINKED_ELSEWHERE, ID)


def test_an_incident_that_is_over_takes_no_case() -> None:
    assert refused(link(open_case(), CLOSED, BY, NOW)).reason is Refusal.INCIDENT_CLOSED
    assert refused(link(linked(), CLOSED, BY, NOW)).reason is Refusal.INCIDENT_CLOSED


def test_only_a_case_that_is_worked_on_is_linked() -> None:
    case = order(open_case(), "resolve", outcome="credited")
    refusal = refused(link(case, OPEN, BY, NOW))
    assert refusal.reason is Refusal.NOT_IN_THIS_STATUS
    assert [str(status) for status in refusal.statuses] == [
        "open",
        "waiting_customer",
        "waiting_third_party",
    ]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("resolve", {"outcome": "credited"}),
        ("withdraw", {"reason": "x"}),
        ("close", {"reason": "x"}),
    ],
)
def test_the_end_of_a_case_ends_its_link(name: str, fields: dict[str, str]) -> None:
    assert order(linked(), name, **fields).incident is None


def test_a_reopened_case_is_part_of_nothing() -> None:
    case = order(linked(), "resolve", outcome="credited")
    assert order(case, "reopen", reason="again").incident is None


def test_waiting_for_somebody_is_no_end() -> None:
    assert order(linked(), "ask_customer", text="?", facts=["bank"]).incident == ID


def test_a_merged_case_leaves_and_its_target_joins_nothing() -> None:
    target = open_case(external_id="other")
    merged = taken(
        decide(linked(), command("merge", into=str(target.id)), POLICIES, NOW, target)
    ).case
    assert (merged.incident, target.incident) == (None, None)


def test_unlinking() -> None:
    outcome = unlink(linked(), ID, BY, NOW)
    assert names(outcome) == ["incident.unlinked"]
    assert outcome.case.incident is None
    assert outcome.events[0].model_dump()["incident_over"] is False
    assert unlink(outcome.case, ID, BY, NOW).events == ()
    assert unlink(linked(), OTHER, BY, NOW).events == ()


def test_the_last_update_of_an_incident_lets_the_case_go() -> None:
    assert names(tell(linked(), OPEN, NEWEST, NOW)) == ["incident.updated"]
    first = Update(1, NEWEST.words)
    assert names(tell(linked(), CLOSED, first, NOW)) == ["incident.updated"]
    last = tell(linked(), CLOSED, NEWEST, NOW)
    assert names(last) == ["incident.updated", "incident.unlinked"]
    assert last.events[1].model_dump()["incident_over"] is True
    assert last.case.incident is None


@pytest.mark.parametrize(
    ("locale", "text"),
    [("en-US", "en"), ("EN", "en"), ("zh_hant_TW", "hant"), ("zh", "plain"), ("fr", "plain")],
)
def test_each_customer_reads_their_language_as_far_as_it_was_given(locale: str, text: str) -> None:
    words = Words(text="plain", translations={"en": "en", "zh-Hant-TW": "hant"}, by=BY)
    assert words.for_reader(locale) == text


def test_the_words_of_an_update_reach_the_customer_in_their_language() -> None:
    customer = {"id": "c", "locale": "en-GB"}
    outcome = tell(linked(customer=customer), OPEN, NEWEST, NOW)
    assert outcome.events[0].model_dump()["text"] == "Payments are recovering"


def test_incidents_are_the_operators() -> None:
    customer = {"role": "customer", "id": "cust-1001"}
    with pytest.raises(ValidationError, match="operator's"):
        NewIncident.model_validate({"title": "x", "by": customer})
    assert NewIncident.model_validate({"title": "x", "by": AGENT}).words() is None
    begun = NewIncident.model_validate({"title": "x", "text": "y", "by": AGENT})
    assert begun.words() == Words.model_validate({"text": "y", "by": AGENT})


def test_documents_of_the_release_before_are_read() -> None:
    stored = open_case().model_dump(mode="json", exclude={"incident"})
    assert Case.model_validate(stored).incident is None
