"""Which facts a case still lacks, and why the customer is asked for them.

Owns the meaning of a fact's dotted name. What the operator already holds is never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.pack import FactNeed
from schemas.pack_clocks import Texts
from schemas.report import Customer, Representative, Transaction
from schemas.vocabulary import Category
from services.intake.core.state import Case, Policy

_STAFF_NUMBER: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
EVIDENCE: Final = "evidence."
UNNAMED: Final = "evidence"
COMPLAINED_ABOUT: Final = "complained_about"
"""The fact that names the agents whom the customer complains about, by staff number."""
AUTHORISATION: Final = FactNeed(
    fact="evidence.authorisation",
    why={
        "en": "Somebody acts for you: we need your consent, or a document that says they may.",
        "zh": "有人代您办理:需要您本人同意,或能证明其获得授权的文件。",
    },
)
"""What is asked for where somebody acts for the customer and has not shown that they may."""
_UNKNOWN: Final[tuple[Any, ...]] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a case, as far as facts go; `evidence` holds the facts files prove."""

    customer: Customer
    transaction: Transaction | None
    facts: Mapping[str, Any]
    evidence: Collection[str]
    description: str | None = None

    def holds(self, fact: str) -> bool:
        """Whether a fact is known: `False` and `0` are answers, an empty text is none.

        Evidence is a file, or what the customer provides under its name: nobody is asked twice.
        """
        if fact == UNNAMED:
            return bool(self.evidence)
        if fact in map(evidence_fact, self.evidence):
            return True
        return self.facts.get(fact) not in _UNKNOWN or self._field(fact) not in _UNKNOWN

    def _field(self, fact: str) -> Any:
        owner, _, name = fact.partition(".")
        match owner:
            case "transaction":
                return getattr(self.transaction, name, None)
            case "customer":
                return getattr(self.customer, name, None)
            case "description" if not name:
                return self.description
            case _:
                return None


def needs(
    policy: Policy, category: Category, representative: Representative | None
) -> tuple[FactNeed, ...]:
    """What a case of a category needs; with somebody who acts for the customer, proof of it."""
    wanted = policy.rule(category).facts
    unproved = representative is not None and representative.proof is None
    return (*wanted, AUTHORISATION) if unproved else wanted


def complained_about(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The staff numbers among some facts of agents who must not have the case.

    They travel in clear, so only what looks like a staff number is taken for one; whatever else
    somebody wrote there stays a fact like any other.
    """
    named = told.get(COMPLAINED_ABOUT)
    texts = named if isinstance(named, list) else [named]
    return tuple(text for text in texts if isinstance(text, str) and _STAFF_NUMBER.match(text))


def evidence_fact(name: str) -> str:
    """The fact that a file proves, with its prefix: `payment_receipt` means evidence of it."""
    return name if name == UNNAMED or name.startswith(EVIDENCE) else EVIDENCE + name


def missing(wanted: Sequence[FactNeed], known: Known) -> tuple[str, ...]:
    """The names of the needed facts that nobody has told us, in the pack's order."""
    return tuple(need.fact for need in wanted if not known.holds(need.fact))


def of_case(case: Case, proved: Collection[str] | None = None) -> Known:
    """What a case knows, with the facts that its files prove (or will prove: `proved`)."""
    return Known(
        customer=case.customer,
        transaction=case.transaction,
        facts=case.facts,
        evidence=[file.fact for file in case.evidence] if proved is None else proved,
        description=case.description,
    )


def explain(
    names: Collection[str], wanted: Sequence[FactNeed], locale: str
) -> list[dict[str, str]]:
    """`[{"fact", "why"}]` for the missing facts, in the customer's language."""
    return [
        {"fact": need.fact, "why": in_language(need.why, locale)}
        for need in wanted
        if need.fact in names
    ]


def in_language(texts: Texts, locale: str) -> str:
    """The text for a locale: exactly it, else its language, else English, else any; "" if none."""
    wanted = locale.replace("_", "-")
    for tag in (wanted, wanted.partition("-")[0].lower(), "en"):
        if tag in texts:
            return texts[tag]
    return next(iter(texts.values()), "")


def fact_of_unnamed(case: Case, sha256: str) -> str:
    """The fact that a file proves when nobody says which.

    A file sent before proves what it proved then; another one the fact that is missing, if that
    is a single one.
    """
    before = [file.fact for file in case.evidence if file.sha256 == sha256]
    wanted = [fact for fact in case.missing_facts if fact.startswith(EVIDENCE)]
    if before:
        return before[0]
    return wanted[0] if len(wanted) == 1 else UNNAMED
