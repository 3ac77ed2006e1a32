"""Triage: stated first, then words, then a fallback; always with a reason."""

from __future__ import annotations

import pytest

from schemas.vocabulary import Category, Lane, Severity
from services.intake.core.state import TriageReason
from services.intake.core.triage import triage
from tests.support.cases import POLICY, report


def test_what_the_reporter_states_wins_over_words() -> None:
    found = triage(report(category="refund", description="盗刷"), POLICY)
    assert (found.category, found.reasons["category"]) == (Category.REFUND, TriageReason.STATED)
    assert (found.severity, found.lane) == (Severity.NORMAL, Lane.ORDINARY)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("对方没有收到钱", Category.FUNDS_NOT_RECEIVED),
        ("Money NOT RECEIVED by my landlord", Category.FUNDS_NOT_RECEIVED),
        ("ＦＲＡＵＤ on my card", Category.UNAUTHORISED_TRANSACTION),
        ("a transfer I did not make: fraud", Category.UNAUTHORISED_TRANSACTION),
        ("the transfer was not received, maybe fraud", Category.FUNDS_NOT_RECEIVED),
        ("The app crashes", Category.APP_FAULT),
    ],
)
def test_words_decide_and_the_graver_category_wins_a_tie(text: str, category: Category) -> None:
    found = triage(report(category=None, description=text), POLICY)
    assert (found.category, found.reasons["category"]) == (category, TriageReason.KEYWORDS)


def test_a_latin_keyword_is_a_whole_word() -> None:
    found = triage(
        report(category=None, description="I am happy, it happened", transaction=None), POLICY
    )
    assert found.category is Category.POLICY_QUESTION
    assert found.reasons["category"] == TriageReason.NOTHING_MATCHED


def test_without_words_a_named_transaction_decides() -> None:
    found = triage(report(category=None, description="???"), POLICY)
    assert found.category is Category.PAYMENT_FAILED
    assert found.reasons["category"] == TriageReason.TRANSACTION_NAMED


def test_severity_and_lane_follow_the_category() -> None:
    found = triage(report(category="unauthorised_transaction"), POLICY)
    assert (found.severity, found.lane) == (Severity.CRITICAL, Lane.MONEY_SAFETY)
    assert found.reasons["lane"] == TriageReason.CATEGORY_RULE
