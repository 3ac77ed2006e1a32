"""Which pack takes a new case: the first that has a `match` rule that the case meets.

Owns the facts that a condition may ask about and the order of asking. A case that no rule takes is
never lost: it comes under the last pack, and says so. Only the case's opening is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.conditions import Verdict, judge, values_of
from schemas.imports import Import
from schemas.report import Report
from schemas.vocabulary import Status
from services.intake.core.state import Policy, TriageReason
from services.intake.core.triage import Triage, triage

COUNTRY: Final = "customer.country"
"""A fact that says where the customer lives; without it the region of their locale counts."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule that was asked, and what it came to."""

    policy: Policy
    rule: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """The pack of a case, what the case is by that pack, and every rule that was asked."""

    policy: Policy
    triage: Triage
    rule: str | None
    tried: tuple[Tried, ...]

    def reasons(self) -> dict[str, str]:
        """Why the case is what it is, and why under this pack; no value of the case is told."""
        why = TriageReason.NOTHING_MATCHED if self.rule is None else TriageReason.MATCHED
        reasons = {**self.triage.reasons, "policy": why.value}
        if self.rule is not None:
            reasons["match_rule"] = self.rule
        failed = [f"{one.policy.pin.name}/{one.rule}" for one in self.tried if one.verdict.failure]
        if failed:
            reasons["not_judged"] = ", ".join(failed)
        return reasons


def choose(report: Report, offered: Sequence[Policy]) -> Choice:
    """The first pack of those offered, in their order, that takes the report's case."""
    tried: list[Tried] = []
    for policy in offered:
        found = triage(report, policy)
        for attempt in _asked(policy, facts_of(report, found)):
            tried.append(attempt)
            if attempt.verdict.met:
                return Choice(policy, found, attempt.rule, tuple(tried))
    last = offered[-1]
    return Choice(last, triage(report, last), None, tuple(tried))


def _asked(policy: Policy, facts: Mapping[str, Any]) -> Iterator[Tried]:
    for rule in policy.pack.match:
        yield Tried(policy, rule.name, judge(rule.when, facts))


def facts_of(report: Report, found: Triage) -> dict[str, Any]:
    """What a condition may ask about a case as it opens; what is not known is left out."""
    customer, money = report.customer, report.transaction
    language, _, region = customer.locale.replace("_", "-").partition("-")
    known: dict[str, Any] = {
        "category": found.category.value,
        "severity": found.severity.value,
        "lane": found.lane.value,
        "channel": report.contact.channel.value,
        "status": (report.status if isinstance(report, Import) else Status.OPEN).value,
        "import_mode": report.mode.value if isinstance(report, Import) else "",
        "identity_verified": customer.identity_verified,
        "currency": (money.currency if money else None) or "",
        "source": report.source,
        "customer.locale": customer.locale,
        "customer.language": language.lower(),
        "customer.country": _country(report, region),
        "customer.time_zone": customer.time_zone,
        "facts": values_of(report.facts),
        "known": sorted(report.facts),
    }
    if money is not None and money.amount is not None:
        known["amount"] = float(money.amount)
        known["known"] = [*known["known"], "amount"]
    return known


def _country(report: Report, region: str) -> str:
    said = report.facts.get(COUNTRY)
    subtag = region.rsplit("-", maxsplit=1)[-1]
    found = said if isinstance(said, str) else subtag if len(subtag) == 2 else ""
    return found.upper()
