"""The case as one document: what rests, sealed, in the case row and what reads are made from.

Owns its shape and its JSON. Changes only by events (`evolve.py`); decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict

from schemas.case import Money, PackPin
from schemas.pack import CategoryRule, Pack
from schemas.report import Actor, Contact, Customer, EvidenceRef, Representative, Transaction
from schemas.vocabulary import (
    Category,
    ConsentTo,
    ImportMode,
    Lane,
    Role,
    Severity,
    Status,
)

CASES = uuid5(NAMESPACE_URL, "urn:recourse:cases")
"""The namespace of case ids."""


class TriageReason(StrEnum):
    """Why category, severity, lane or policy of a case is what it is."""

    STATED = "stated"
    KEYWORDS = "keywords"
    TRANSACTION_NAMED = "transaction_named"
    WRITTEN_IN = "written_in"
    AMOUNT_WRITTEN = "amount_written"
    NOTHING_MATCHED = "nothing_matched"
    CATEGORY_RULE = "category_rule"
    MATCHED = "matched"
    PERSON = "person"


class _Part(BaseModel):
    # Ignoring what a newer release wrote lets two releases run side by side (design rule 15).
    model_config = ConfigDict(frozen=True, extra="ignore")


class ContactRecord(_Part):
    """A contact as it happened; `moved_to` once it was split off into another case."""

    id: UUID
    occurred_at: datetime
    contact: Contact
    description: str | None = None
    moved_to: UUID | None = None


class EvidenceRecord(_Part):
    """A file and the fact that it proves."""

    fact: str
    sha256: str
    media_type: str
    name: str | None = None
    at: datetime


class PromiseRecord(_Part):
    """What was promised to the customer; `kept_at` once it was kept."""

    id: UUID
    what: str | None
    by_when: datetime
    made_at: datetime
    kept_at: datetime | None = None


class ConsentRecord(_Part):
    """The last word of the customer on handing the case to somebody."""

    to: ConsentTo
    given: bool
    wording: str | None
    wording_sha256: str
    at: datetime


class Happening(_Part):
    """One line of the timeline; `detail` is what no other part of the document holds."""

    at: datetime
    event: str
    status: Status
    by_role: Role
    by: Actor | None = None
    detail: dict[str, Any] = {}


class Case(_Part):
    """Everything intake knows about one case."""

    id: UUID
    subject: UUID
    source: str
    external_id: str
    customer: Customer
    representative: Representative | None = None
    identity_verified: bool
    status: Status
    episode: int
    category: Category
    severity: Severity
    lane: Lane
    triage: dict[str, str]
    language: str = "en"
    money_at_risk: Money | None = None
    policy: PackPin
    opened_at: datetime
    occurred_at: datetime
    started_at: datetime
    import_mode: ImportMode | None = None
    description: str
    transaction: Transaction | None = None
    facts: dict[str, Any] = {}
    missing_facts: tuple[str, ...] = ()
    asked_facts: tuple[str, ...] = ()
    contacts: tuple[ContactRecord, ...] = ()
    evidence: tuple[EvidenceRecord, ...] = ()
    promises: tuple[PromiseRecord, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()
    outcome: str | None = None
    summary: str | None = None
    merged_into: UUID | None = None
    split_into: tuple[UUID, ...] = ()
    incident: UUID | None = None
    """The incident that the case is linked to."""
    timeline: tuple[Happening, ...] = ()

    def to_bytes(self) -> bytes:
        """The document as it rests."""
        return self.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, document: bytes) -> Case:
        """The opposite of `to_bytes`."""
        return cls.model_validate_json(document)

    def transaction_id(self) -> str | None:
        """The id of the transaction in question, told as such or as a fact."""
        if self.transaction is not None:
            return self.transaction.id
        told = self.facts.get("transaction.id")
        return told if isinstance(told, str) and told else None

    def stands_still(self) -> bool:
        """Whether it has no clock, and will have none before it is reopened."""
        return self.import_mode is ImportMode.HISTORICAL and self.episode == 1

    def contact_id(self, number: int) -> UUID:
        """The id of the contact with this number (1, 2, 3...); contacts are never taken out."""
        return uuid5(self.id, f"contact:{number}")

    def promise_id(self, number: int) -> UUID:
        """The id of the promise with this number (1, 2, 3...)."""
        return uuid5(self.id, f"promise:{number}")


@dataclass(frozen=True, slots=True)
class Policy:
    """A pack with the pin under which cases are opened."""

    pin: PackPin
    pack: Pack

    def rule(self, category: Category) -> CategoryRule:
        """What the pack says about a category; a pack may leave categories out."""
        rules: Mapping[Category, CategoryRule] = self.pack.categories
        return rules.get(category, CategoryRule(title={}))


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies offered to new cases in their order, and all under which cases of ours run."""

    offered: tuple[Policy, ...]
    by_digest: Mapping[str, Policy]

    def of(self, case: Case) -> Policy:
        """The policy that a case was opened under. Raises KeyError if it was never stored."""
        return self.by_digest[case.policy.digest]


def case_id(source: str, external_id: str) -> UUID:
    """The id of the case that a report with this identity opens. Identities hold no NUL."""
    return uuid5(CASES, f"{source}\0{external_id}")


def evidence_record(file: EvidenceRef, at: datetime) -> EvidenceRecord:
    """A file as the document keeps it."""
    return EvidenceRecord(**file.model_dump(), at=at)
