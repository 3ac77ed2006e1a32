"""The events of topic `cases`: what intake says about a case and the conversation around it.

Owns their fields and which of them are private. `status` is always the status after the event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from uuid import UUID

from schemas.event import PRIVATE, EventData, Model
from schemas.report import Actor, Contact, Customer, Representative, Transaction
from schemas.vocabulary import (
    Category,
    Channel,
    Direction,
    ImportMode,
    Joined,
    Lane,
    Role,
    Severity,
    Status,
)


class Money(Model):
    """An amount and its currency."""

    amount: Decimal
    currency: str


class PackPin(Model):
    """The policy a case was opened under; it never changes without an explicit migration."""

    name: str
    version: str
    digest: str


class CaseEvent(EventData):
    """What every event on `cases` carries. `by` is private because it may hold a name."""

    status: Status
    episode: int = 1
    by_role: Role = Role.SYSTEM
    by: Annotated[Actor | None, PRIVATE] = None


class CaseOpened(CaseEvent):
    """A new case; `started_at` is the earliest contact, from which its clocks run."""

    event_name: ClassVar[str] = "case.opened"

    data_subject: UUID
    category: Category
    severity: Severity
    lane: Lane
    policy: PackPin
    channel: Channel
    occurred_at: datetime
    started_at: datetime
    identity_verified: bool = False
    locale: str = "en"
    time_zone: str = "UTC"
    amount: Decimal | None = None
    currency: str | None = None
    missing_facts: tuple[str, ...] = ()
    complained_about: tuple[str, ...] = ()
    """Staff numbers of agents whom the customer complains about: they never hold the case."""
    triage: dict[str, str] = {}
    statutory: dict[str, str | bool] = {}
    """What the pack's regimes ask for: dates, kinds and yes or no, never names or numbers."""
    language: str = "en"
    """The language that the customer reads and writes."""
    money_at_risk: Annotated[Money | None, PRIVATE] = None
    """What the customer may lose, as far as the report says."""
    import_mode: ImportMode | None = None
    opened_at: datetime | None = None
    """When the system that the case was imported from opened it."""
    consumed: dict[str, timedelta] = {}
    """Of each clock named, the budget that was used up before a `resume` import."""
    source: Annotated[str | None, PRIVATE] = None
    external_id: Annotated[str | None, PRIVATE] = None
    customer: Annotated[Customer | None, PRIVATE] = None
    representative: Annotated[Representative | None, PRIVATE] = None
    description: Annotated[str | None, PRIVATE] = None
    contact: Annotated[Contact | None, PRIVATE] = None
    transaction: Annotated[Transaction | None, PRIVATE] = None
    facts: Annotated[dict[str, Any], PRIVATE] = {}


class ContactAdded(CaseEvent):
    """One more contact; `joined`: by what a report was. An earlier one moves `started_at` back."""

    event_name: ClassVar[str] = "contact.added"

    contact_id: UUID
    channel: Channel
    direction: Direction
    occurred_at: datetime
    started_at: datetime
    joined: Joined | None = None
    contact: Annotated[Contact | None, PRIVATE] = None
    description: Annotated[str | None, PRIVATE] = None


class EvidenceAdded(CaseEvent):
    """A file arrived; only its hash and type travel."""

    event_name: ClassVar[str] = "evidence.added"

    fact: str
    missing_facts: tuple[str, ...] = ()
    sha256: Annotated[str | None, PRIVATE] = None
    media_type: Annotated[str | None, PRIVATE] = None
    name: Annotated[str | None, PRIVATE] = None


class FactsAdded(CaseEvent):
    """Facts became known; `names` in clear, what they say sealed."""

    event_name: ClassVar[str] = "facts.added"

    names: tuple[str, ...]
    missing_facts: tuple[str, ...] = ()
    complained_about: tuple[str, ...] = ()
    statutory: dict[str, str | bool] = {}
    facts: Annotated[dict[str, Any], PRIVATE] = {}
    transaction: Annotated[Transaction | None, PRIVATE] = None


class CaseClassified(CaseEvent):
    """Triage or a person decided what the case is."""

    event_name: ClassVar[str] = "case.classified"

    category: Category
    severity: Severity
    lane: Lane
    missing_facts: tuple[str, ...] = ()
    reason: Annotated[str | None, PRIVATE] = None


class IdentityVerified(CaseEvent):
    """The customer proved who they are."""

    event_name: ClassVar[str] = "identity.verified"

    method: Annotated[str | None, PRIVATE] = None


class ActRecorded(CaseEvent):
    """Something was done that a regime counts, such as a final response; `at` is when."""

    event_name: ClassVar[str] = "act.recorded"

    act: str
    at: datetime
    text: Annotated[str | None, PRIVATE] = None


class CaseResolved(CaseEvent):
    """The operator holds the case for solved; the customer is asked to confirm."""

    event_name: ClassVar[str] = "case.resolved"

    outcome: Annotated[str | None, PRIVATE] = None
    summary: Annotated[str | None, PRIVATE] = None


class CaseConfirmed(CaseEvent):
    """The customer confirmed the solution; the case is closed."""

    event_name: ClassVar[str] = "case.confirmed"


class CaseReopened(CaseEvent):
    """The solution did not hold: a new episode begins."""

    event_name: ClassVar[str] = "case.reopened"

    reason: Annotated[str | None, PRIVATE] = None


class CaseWithdrawn(CaseEvent):
    """The customer withdrew the case."""

    event_name: ClassVar[str] = "case.withdrawn"

    reason: Annotated[str | None, PRIVATE] = None


class CaseClosed(CaseEvent):
    """The case was closed without confirmation."""

    event_name: ClassVar[str] = "case.closed"

    reason: Annotated[str | None, PRIVATE] = None


class CaseMerged(CaseEvent):
    """The case lives on in another one."""

    event_name: ClassVar[str] = "case.merged"

    into: UUID
    facts: Annotated[dict[str, Any], PRIVATE] = {}


class CaseSplit(CaseEvent):
    """Some contacts of the case became a case of their own."""

    event_name: ClassVar[str] = "case.split"

    new_case: UUID
    contacts: tuple[UUID, ...] = ()


class IncidentLinked(CaseEvent):
    """The case was linked to an incident that many cases share. When it ends, so does the link."""

    event_name: ClassVar[str] = "incident.linked"

    incident_id: UUID


class IncidentUnlinked(CaseEvent):
    """The case was taken off an incident again: clocks that only the incident answered run again.

    Where the incident is over, what it answered stays answered.
    """

    event_name: ClassVar[str] = "incident.unlinked"

    incident_id: UUID
    incident_over: bool = False


class IncidentUpdated(CaseEvent):
    """One update for every case of the incident; `number` says which (1, 2, 3...)."""

    event_name: ClassVar[str] = "incident.updated"

    incident_id: UUID
    number: int | None = None
    text: Annotated[str | None, PRIVATE] = None
