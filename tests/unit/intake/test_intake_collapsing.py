"""Contacts that name no transaction join a case about the same category, unless told not to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from schemas.case import ContactAdded
from schemas.vocabulary import Joined, Status
from services.intake.core.admit import admit
from services.intake.core.collapsing import matter_of, matters_of
from services.intake.core.decide import decide
from services.intake.core.outcome import Outcome, Reason
from services.intake.core.state import Case, Policies
from tests.support.cases import (
    NOW,
    POLICIES,
    POLICY,
    SUBJECT,
    command,
    names,
    open_case,
    report,
    taken,
)

CHAT = {"channel": "chat", "direction": "inbound"}
LOCKED: dict[str, Any] = {
    "category": "account_access",
    "description": "I am locked out",
    "transaction": None,
}
ABOUT_APP: dict[str, Any] = {
    "category": None,
    "description": "the app crashes",
    "transaction": None,
}


def within(hours: float) -> Policies:
    pack = POLICY.pack.model_copy(update={"collapse_category_window": timedelta(hours=hours)})
    one = type(POLICY)(POLICY.pin, pack)
    return Policies((one,), {one.pin.digest: one})


FOUR_HOURS = within(4)


def told(candidates: Sequence[Case], policies: Policies = FOUR_HOURS, **changes: Any) -> Outcome:
    """A chat at 10:00 about a locked account, unless something else is said."""
    said = {"external_id": "chat-1", "occurred_at": "2026-11-20T10:00:00+08:00", "contact": CHAT}
    return taken(
        admit(
            report(**{**LOCKED, **said, **changes}),
            subject=SUBJECT,
            known=None,
            candidates=candidates,
            policies=policies,
            now=NOW,
        )
    )


def ordered(case: Case, name: str, **fields: Any) -> Case:
    return taken(decide(case, command(name, **fields), POLICIES, NOW)).case


def test_who_writes_twice_about_a_locked_account_has_one_case() -> None:
    case = open_case(**LOCKED)
    outcome = told([case])
    assert outcome.reason is Reason.COLLAPSED_BY_CATEGORY
    assert (outcome.case.id, names(outcome)) == (case.id, ["contact.added"])
    event = outcome.events[0]
    assert isinstance(event, ContactAdded)
    assert event.joined is Joined.SAME_CATEGORY
    assert outcome.case.timeline[-1].detail["joined"] == "same_category"


def test_the_category_may_be_found_in_the_text() -> None:
    case = open_case(**ABOUT_APP)
    assert told([case], **ABOUT_APP).reason is Reason.COLLAPSED_BY_CATEGORY


def test_what_nothing_says_the_category_of_is_not_known_to_be_the_same() -> None:
    unclear: dict[str, Any] = {"category": None, "description": "hello?", "transaction": None}
    case = open_case(**unclear)
    assert told([case], **unclear).reason is Reason.OPENED
    assert matter_of(report(**unclear), FOUR_HOURS.offered) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "app_fault"},
        {"customer": {"id": "cust-other"}},
        {"another_matter": True},
        {"transaction": {"id": "tx-1"}},
        {"facts": {"transaction.id": "tx-1"}},
        {"occurred_at": "2026-11-20T05:57:00+08:00"},
    ],
)
def test_another_matter_opens_another_case(changes: dict[str, Any]) -> None:
    assert told([open_case(**LOCKED)], **changes).reason is Reason.OPENED


def test_another_matter_is_none_though_the_transaction_is_the_same() -> None:
    about: dict[str, Any] = {"transaction": {"id": "tx-5567"}, "category": "funds_not_received"}
    assert told([open_case()], **about).reason is Reason.COLLAPSED
    assert told([open_case()], **about, another_matter=True).reason is Reason.OPENED


def test_a_case_that_names_a_transaction_takes_no_contact_by_category() -> None:
    case = open_case()
    assert told([case], category="funds_not_received").reason is Reason.OPENED
    by_fact = open_case(**LOCKED, facts={"transaction.id": "tx-1"})
    assert told([by_fact]).reason is Reason.OPENED


def test_the_window_is_the_packs_and_may_be_none() -> None:
    case, later = open_case(**LOCKED), {"occurred_at": "2026-11-20T10:13:00+08:00"}
    assert told([case], within(hours=0.25), **later).reason is Reason.COLLAPSED_BY_CATEGORY
    assert told([case], within(hours=0.2), **later).reason is Reason.OPENED
    at_once = {"occurred_at": "2026-11-20T09:58:00+08:00"}
    assert told([case], within(hours=0), **at_once).reason is Reason.OPENED


def test_only_a_case_that_is_worked_on_takes_a_contact_by_category() -> None:
    case = open_case(**LOCKED)
    waiting = ordered(case, "ask_customer", text="?")
    joined = told([waiting])
    assert (names(joined), joined.case.status) == (
        ["contact.added", "customer.answered"],
        Status.OPEN,
    )
    resolved = ordered(case, "resolve", outcome="done", summary="unlocked")
    assert told([resolved]).reason is Reason.OPENED
    assert told([ordered(case, "close", reason="done")]).reason is Reason.OPENED


def test_a_case_is_found_by_what_it_is_about_now() -> None:
    case = open_case(**LOCKED)
    about = matter_of(report(**LOCKED), FOUR_HOURS.offered)
    assert list(matters_of(case)) == [about]
    other = ordered(case, "classify", category="app_fault", reason="it was the app")
    assert told([other]).reason is Reason.OPENED
    assert told([other], category="app_fault").reason is Reason.COLLAPSED_BY_CATEGORY


def test_the_oldest_of_several_takes_the_contact() -> None:
    old = open_case(**LOCKED, external_id="a")
    new = open_case(**LOCKED, external_id="b", now=NOW + timedelta(minutes=5))
    assert told([new, old]).case.id == old.id
