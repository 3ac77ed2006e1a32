"""Language and money at risk: fields first, then words, always with a reason."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.report import Report
from services.intake.core.reading import language_of, money_at_risk
from services.intake.core.state import TriageReason
from tests.support.cases import report, report_body


def said(text: str) -> Report:
    contact = {"channel": "chat"}
    return report(description=text, transaction=None, contact=contact, customer={"id": "c"})


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("转账显示成功,对方没有收到", "zh"),
        ("The transfer is shown as done, nothing came.", "en"),
        ("我的 PayPal 账户被 block 了", "zh"),
        ("my account 支付宝 does not open on my new phone any more", "en"),
    ],
)
def test_words_say_the_language(text: str, language: str) -> None:
    assert language_of(said(text)) == (language, TriageReason.WRITTEN_IN)


def test_what_is_stated_wins_over_words() -> None:
    stated = report(description="The transfer is shown as done")
    assert language_of(stated) == ("zh", TriageReason.STATED)
    assert language_of(said("123")) == ("en", TriageReason.NOTHING_MATCHED)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("转了1280元没有到账", "1280", "CNY"),
        ("扣了 ¥1,280.50 两次", "1280.50", "CNY"),
        ("￥99 不见了", "99", "CNY"),
        ("被骗了3000块钱", "3000", "CNY"),
        ("I lost USD 250.00 yesterday", "250.00", "USD"),
        ("they took $1,000,000!", "1000000", "USD"),
        ("30 euros are missing", "30", "EUR"),
        ("first 20 USD and then 45.5 USD", "45.5", "USD"),
        ("hk$80 and 5 dollars", "80", "HKD"),
    ],
)
def test_words_say_the_money(text: str, amount: str, currency: str) -> None:
    money, why = money_at_risk(said(text))
    assert money is not None
    assert (money.amount, money.currency) == (Decimal(amount), currency)
    assert why is TriageReason.AMOUNT_WRITTEN


@pytest.mark.parametrize(
    "text",
    [
        "call me at 13800000000",
        "on 2026-11-20 at 10:00",
        "5000 times I tried",
        "order 1280",
    ],
)
def test_other_numbers_are_no_money(text: str) -> None:
    assert money_at_risk(said(text)) == (None, TriageReason.NOTHING_MATCHED)


def test_the_transaction_wins_over_words() -> None:
    named = Report.model_validate(report_body(description="I lost USD 5"))
    money, why = money_at_risk(named)
    assert money is not None
    assert (money.amount, money.currency) == (Decimal("1280.00"), "CNY")
    assert why is TriageReason.TRANSACTION_NAMED
