"""The story of one case, as far as people must be told about it: the notifier's state document.

Owns what is remembered between events. It holds personal data, so it rests sealed; it is never
asked for decisions about the case, which belong to intake and escalation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from schemas.case import PackPin
from schemas.report import Transaction
from schemas.vocabulary import Category, Lane, Severity, Status
from services.notifier.core.vocabulary import Template

GROUP_PREFIX = "group:"
AGENT_PREFIX = "agent:"
STAFF_PREFIXES = (GROUP_PREFIX, AGENT_PREFIX)


class _Part(BaseModel):
    """A frozen piece of the story. Unknown fields are ignored: an older release may read it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LineKind(StrEnum):
    """What a line of the conversation is."""

    CONTACT = "contact"
    REPORTED = "reported"
    ASKED = "asked"
    ANSWERED = "answered"
    REPLIED = "replied"
    EVIDENCE = "evidence"
    NOTE = "note"


class Line(_Part):
    """One thing that was said, by whom, when and over which channel."""

    at: datetime
    kind: LineKind
    inbound: bool
    channel: str | None = None
    agent_name: str | None = None
    staff_number: str | None = None
    text: str | None = None


class Promise(_Part):
    """Something an agent promised by an instant."""

    promise_id: UUID
    by_when: datetime
    what: str | None = None
    kept: bool = False
    staff_number: str | None = None
    agent_name: str | None = None


class AskedState(StrEnum):
    """How far another department is with what it was asked for."""

    OPEN = "open"
    LATE = "late"
    CLOSED = "closed"


class OpenOffer(_Part):
    """A customer-driven rung that is open to the customer."""

    offer_id: UUID
    rung: str
    path: str
    consent_to: str
    expires_at: datetime


class Told(_Part):
    """One message that the customer was owed."""

    template: str
    at: datetime


class Holder(_Part):
    """The agent who holds the case."""

    staff_number: str
    name: str | None = None


class Detail(_Part):
    """What one event adds to the story in a message; what an event does not have stays None."""

    text: str | None = None
    facts: tuple[str, ...] = ()
    what: str | None = None
    by_when: datetime | None = None
    clock: str | None = None
    offered_rung: str | None = None
    offered_path: str | None = None
    expires_at: datetime | None = None
    because: str | None = None
    agent: Holder | None = None
    brief: str | None = None
    """What whoever gave the case away says to whoever gets it."""


class WaitingWord(_Part):
    """A message whose next promised time is not known before the ladder has reacted.

    `position` is the sequence of its event on topic `cases`.
    """

    template: Template
    detail: Detail
    event_id: UUID
    recorded_at: datetime
    position: int


class Customer(_Part):
    """How the case's customer is spoken to and reached. `recipient` is the opaque subject id."""

    recipient: UUID
    name: str | None = None
    locale: str = "en"
    time_zone: str = "UTC"
    email: str | None = None
    phone: str | None = None
    id: str | None = None


class Standing(_Part):
    """Where the case is on its ladder, and when the customer hears next (domain time)."""

    rung: str
    path: str
    visit: int
    owner_group: str
    next_update_at: datetime | None = None
    next_due_at: datetime | None = None
    holder: Holder | None = None


class Story(_Part):
    """Everything the notifier remembers of one case."""

    case_id: UUID
    customer: Customer
    policy: PackPin
    category: Category
    severity: Severity
    lane: Lane
    status: Status
    episode: int
    started_at: datetime
    identity_verified: bool = False
    historical: bool = False
    """Whether the case was imported as it was, to tell nobody of."""
    description: str | None = None
    transaction: Transaction | None = None
    facts: dict[str, Any] = {}
    missing_facts: tuple[str, ...] = ()
    conversation: tuple[Line, ...] = ()
    promises: tuple[Promise, ...] = ()
    consents: frozenset[str] = frozenset()
    standing: Standing | None = None
    offers: tuple[OpenOffer, ...] = ()
    asked: dict[str, AskedState] = {}
    """What other departments were asked for, by action, as far as the ladder's clocks tell."""
    told: tuple[Told, ...] = ()
    holder_told: str | None = None
    """The staff number that the customer's last message named as responsible."""
    waiting: tuple[WaitingWord, ...] = ()

    def next_promised_at(self, now: datetime) -> datetime | None:
        """The earliest instant after `now` at which the customer was promised to hear from us."""
        promised = [p.by_when for p in self.promises if not p.kept]
        if self.standing is not None and self.standing.next_update_at is not None:
            promised.append(self.standing.next_update_at)
        return min((instant for instant in promised if instant > now), default=None)

    def dump(self) -> bytes:
        """The document as JSON bytes, which the kit seals."""
        return self.model_dump_json().encode()


def load(document: bytes) -> Story:
    """The opposite of `Story.dump`."""
    return Story.model_validate_json(document)


def appended(lines: Sequence[Line], *more: Line | None) -> tuple[Line, ...]:
    """The conversation with further lines, oldest first; None stands for nothing said."""
    everything = [*lines, *(line for line in more if line is not None)]
    return tuple(sorted(everything, key=lambda line: line.at))
