"""What other backends and channels tell intake: the bodies of HTTP requests and topic `reports`.

The same models read both roads. These carry personal data in clear, so they never rest anywhere
unsealed. Never decides what a report leads to.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from schemas.event import Model
from schemas.vocabulary import Category, Channel, Direction, Role

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Locale = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{5,14}$")]


def _email(address: str) -> str:
    """An address that mail can be sent to; an operator's own network counts (`@corp.local`)."""
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return found.normalized


Email = Annotated[str, AfterValidator(_email), Field(json_schema_extra={"format": "email"})]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6, allow_inf_nan=False)]
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,79}$")]
_ZONES = available_timezones()


class Actor(Model):
    """Who does something. `id` is the staff number of an agent, else the caller's own id."""

    role: Role
    id: Identifier
    name: ShortText | None = None


class AgentRef(Model):
    """The agent whom the customer spoke to; seeds: name and staff number are always kept."""

    name: ShortText
    staff_number: Identifier


class Customer(Model):
    """The wallet's customer as the reporting channel knows them."""

    id: Identifier
    name: ShortText | None = None
    locale: Locale = "en"
    time_zone: str = "UTC"
    email: Email | None = None
    phone: Phone | None = None
    identity_verified: bool = False

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in _ZONES:
            raise ValueError("not an IANA time zone such as Asia/Shanghai")
        return name


class Contact(Model):
    """One time that customer and operator met: a call, a chat, a mail."""

    channel: Channel
    direction: Direction = Direction.INBOUND
    external_id: Identifier | None = None
    occurred_at: AwareDatetime | None = None
    agent: AgentRef | None = None
    summary: LongText | None = None


class Reach(Model):
    """How somebody is reached."""

    email: Email | None = None
    phone: Phone | None = None


class Representative(Model):
    """Somebody who acts for the customer, and what shows that they may.

    `proof`: the customer's own consent to the operator, or a document such as a power of attorney
    (sent as evidence). Without either it is asked for.
    """

    name: ShortText
    relation: ShortText
    contact: Reach
    proof: Literal["consent", "document"] | None = None


class Transaction(Model):
    """The transaction that the case is about."""

    id: Identifier
    at: AwareDatetime | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    counterparty: ShortText | None = None
    status: ShortText | None = None

    @model_validator(mode="after")
    def _amount_has_currency(self) -> Transaction:
        if self.amount is not None and self.currency is None:
            raise ValueError("an amount needs its currency")
        return self


class EvidenceRef(Model):
    """A file that the reporting system holds, named by its SHA-256."""

    fact: FactName = "evidence"
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    media_type: ShortText
    name: ShortText | None = None


def _sendable(facts: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(facts, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("holds what JSON in UTF-8 cannot carry") from error
    return facts


Facts = Annotated[dict[FactName, Any], Field(max_length=100), AfterValidator(_sendable)]


class Report(Model):
    """A customer's problem, as `POST /v1/cases` and `case.reported` bring it.

    (`source`, `external_id`) is its identity on both roads; `occurred_at` is when the contact
    itself happened, and starts the clocks. `by` says whose report it is where the reporting system
    passes one on; a customer never says of themselves that their identity was verified.
    `another_matter`: the customer says that no case of theirs is about this; it opens one.
    """

    source: Identifier
    external_id: Identifier
    by: Actor | None = None
    another_matter: bool = False
    category: Category | None = None
    description: LongText
    occurred_at: AwareDatetime
    customer: Customer
    representative: Representative | None = None
    contact: Contact
    transaction: Transaction | None = None
    facts: Facts = {}
    evidence: Annotated[tuple[EvidenceRef, ...], Field(max_length=50)] = ()


class CaseAddress(Model):
    """How a foreign message names an existing case: by id, or by the report's identity."""

    case_id: UUID | None = None
    source: Identifier | None = None
    external_id: Identifier | None = None

    @model_validator(mode="after")
    def _one_way(self) -> CaseAddress:
        if self.case_id is None and (self.source is None or self.external_id is None):
            raise ValueError("name the case by case_id, or by source and external_id")
        return self


class ContactReported(Model):
    """`contact.reported`: one more contact on an existing case."""

    case: CaseAddress
    occurred_at: AwareDatetime
    contact: Contact
    description: LongText | None = None


class FactReported(Model):
    """`fact.reported`: facts that another backend holds about an existing case."""

    case: CaseAddress
    facts: Facts


class TransactionUpdated(Model):
    """`transaction.updated`: news of the transaction that an existing case is about."""

    case: CaseAddress
    transaction: Transaction


ForeignName = Literal["case.reported", "contact.reported", "fact.reported", "transaction.updated"]
FOREIGN_REPORTS: dict[str, type[Model]] = {
    "case.reported": Report,
    "contact.reported": ContactReported,
    "fact.reported": FactReported,
    "transaction.updated": TransactionUpdated,
}
