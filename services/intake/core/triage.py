"""What a case is, found without asking anybody, each with a Reason: category, severity, lane,
language, money at risk.

Owns the order of the rules: what the reporter stated, then the pack's keywords in the text, then
a fallback. Never overrides a person (`classify` does, with its own event).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schemas.case import Money
from schemas.report import Report
from schemas.vocabulary import Category, Lane, Severity
from services.intake.core.reading import language_of, money_at_risk, said_in
from services.intake.core.state import Policy, TriageReason


@dataclass(frozen=True, slots=True)
class Triage:
    """What a case was found to be."""

    category: Category
    severity: Severity
    lane: Lane
    language: str
    money_at_risk: Money | None
    reasons: dict[str, str]


_GRAVITY: Final = {severity: rank for rank, severity in enumerate(Severity)}


def triage(report: Report, policy: Policy) -> Triage:
    """The category by the first rule that speaks; severity and lane by the pack's category."""
    category, why = _category(report, policy)
    rule = policy.rule(category)
    language, why_language = language_of(report)
    money, why_money = money_at_risk(report)
    reasons = {
        "language": why_language.value,
        "money_at_risk": why_money.value,
        "category": why.value,
        "severity": TriageReason.CATEGORY_RULE.value,
        "lane": TriageReason.CATEGORY_RULE.value,
    }
    return Triage(category, rule.severity, rule.lane, language, money, reasons)


def _category(report: Report, policy: Policy) -> tuple[Category, TriageReason]:
    if report.category is not None:
        return report.category, TriageReason.STATED
    matched = _by_keywords(said_in(report), policy)
    if matched is not None:
        return matched, TriageReason.KEYWORDS
    if report.transaction is not None:
        return Category.PAYMENT_FAILED, TriageReason.TRANSACTION_NAMED
    return Category.POLICY_QUESTION, TriageReason.NOTHING_MATCHED


def _by_keywords(text: str, policy: Policy) -> Category | None:
    """The category with most of its keywords in the text; the graver one where they are equal."""
    plain = _plain(text)
    found = {
        category: sum(1 for keyword in rule.keywords if _pattern(keyword).search(plain))
        for category, rule in policy.pack.categories.items()
    }
    best = max(
        found,
        key=lambda category: (found[category], _GRAVITY[policy.rule(category).severity]),
        default=None,
    )
    return best if best is not None and found[best] else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=4096)
def _pattern(keyword: str) -> re.Pattern[str]:
    """A keyword in letters of a spaced script is a whole word; a Chinese one stands anywhere."""
    plain = _plain(keyword)
    edge = r"\b" if plain.isascii() else ""
    return re.compile(edge + re.escape(plain) + edge)
