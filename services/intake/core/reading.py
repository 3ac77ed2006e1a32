"""What a report says of language and money: its fields first, then its words, by plain rules.

Owns the rules (Chinese and English). Never guesses: where nothing speaks, it says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from schemas.case import Money
from schemas.report import Report
from services.intake.core.state import TriageReason

_CHINESE: Final = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_LATIN: Final = re.compile(r"[A-Za-z]+")
_CURRENCIES: Final[Mapping[str, str]] = {
    "元": "CNY", "块": "CNY", "块钱": "CNY", "人民币": "CNY", "rmb": "CNY", "¥": "CNY",
    "美元": "USD", "美金": "USD", "$": "USD", "us$": "USD", "dollars": "USD", "dollar": "USD",
    "港币": "HKD", "港元": "HKD", "hk$": "HKD", "欧元": "EUR", "€": "EUR", "euros": "EUR",
    "euro": "EUR", "英镑": "GBP", "£": "GBP", "日元": "JPY", "新币": "SGD", "s$": "SGD",
    **{code.lower(): code for code in ("CNY", "USD", "HKD", "EUR", "GBP", "JPY", "SGD", "AUD")},
}  # fmt: skip
_NAMES: Final = "|".join(re.escape(name) for name in sorted(_CURRENCIES, key=len, reverse=True))
_NUMBER: Final = r"(?P<{}>\d{{1,3}}(?:,\d{{3}})+(?:\.\d{{1,2}})?|\d{{1,12}}(?:\.\d{{1,2}})?)"
_AMOUNT: Final = re.compile(
    rf"(?<![\w.])(?P<before>{_NAMES})\s?{_NUMBER.format('first')}(?!\d)"
    rf"|(?<![\d.,]){_NUMBER.format('second')}\s?(?P<after>{_NAMES})(?![a-z])"
)


def said_in(report: Report) -> str:
    """Everything that a report says in words."""
    return f"{report.description}\n{report.contact.summary or ''}"


def language_of(report: Report) -> tuple[str, TriageReason]:
    """The language stated, else that of the words: Chinese from a fifth of the words on."""
    if "locale" in report.customer.model_fields_set:
        return re.split("[-_]", report.customer.locale)[0].lower(), TriageReason.STATED
    text = said_in(report)
    # Two Chinese letters are about a word.
    chinese, latin = len(_CHINESE.findall(text)) / 2, len(_LATIN.findall(text))
    if not chinese and not latin:
        return "en", TriageReason.NOTHING_MATCHED
    return ("zh" if 4 * chinese >= latin else "en"), TriageReason.WRITTEN_IN


def money_at_risk(report: Report) -> tuple[Money | None, TriageReason]:
    """The transaction's amount, else the largest amount with a currency in the words."""
    named = report.transaction
    if named is not None and named.amount is not None and named.currency is not None:
        return Money(amount=named.amount, currency=named.currency), TriageReason.TRANSACTION_NAMED
    text = unicodedata.normalize("NFKC", said_in(report)).casefold()
    found = [money for match in _AMOUNT.finditer(text) if (money := _money(match)) is not None]
    if not found:
        return None, TriageReason.NOTHING_MATCHED
    return max(found, key=lambda money: money.amount), TriageReason.AMOUNT_WRITTEN


def _money(match: re.Match[str]) -> Money | None:
    number = match["first"] or match["second"]
    try:
        amount = Decimal(number.replace(",", ""))
    except InvalidOperation:
        return None
    return Money(amount=amount, currency=_CURRENCIES[match["before"] or match["after"]])
