"""The parts of a ladder's state: one run of a clock, a pause, an offer, an entry into a rung.

Owns: their fields and their JSON form. Due instants and "overdue" are derived (design rule 6),
never stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from schemas.pack_clocks import Budget, EndRule, Roll
from schemas.vocabulary import Role, RungReason, Side

RUNG_CLOCK = "rung"
ACKNOWLEDGEMENT = "acknowledgement"
HOLDER_CLOCK = "holder"
ACTION_PREFIX = "action:"
PROMISE_PREFIX = "promise:"


class PauseCause(StrEnum):
    """Why clocks stand still."""

    WAITING_CUSTOMER = "waiting_customer"
    WAITING_THIRD_PARTY = "waiting_third_party"
    AGENT = "agent"
    INCIDENT = "incident"


class ClockEnd(StrEnum):
    """How a clock came to its end."""

    MET = "met"
    MISSED = "missed"
    STOPPED = "stopped"


class OfferState(StrEnum):
    """What became of an offer."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    RETRACTED = "retracted"
    WITHDRAWN = "withdrawn"


class Document(BaseModel):
    """Readers ignore what a later release wrote (rolling upgrades)."""

    model_config = ConfigDict(extra="ignore", ser_json_timedelta="iso8601")


class ExtensionRecord(Document):
    """Time that somebody who may has added to a clock."""

    at: datetime
    by: timedelta
    reason: str
    actor: str
    approver: str
    cause: UUID


class ClockRecord(Document):
    """One run of one clock. `by_when` is set for promises only, which have no budget.

    `from_opening`: it started with the case's first contact, so an earlier one moves it.
    """

    name: str
    kind: Literal["service", "statutory", "promise"]
    episode: int
    cycle: int = 1
    started_at: datetime
    started_by: UUID
    from_opening: bool = False
    budget: Budget | None = None
    """What is granted, extensions included."""
    consumed: timedelta = timedelta(0)
    """Budget used up before `started_at`, in the system that the case was imported from."""
    end_rule: EndRule = "same_time"
    roll: Roll = "none"
    extensions: tuple[ExtensionRecord, ...] = ()
    by_when: datetime | None = None
    pauses: tuple[str, ...] = ()
    warn_at_percent: tuple[int, ...] = ()
    warned: tuple[int, ...] = ()
    promised_to_customer: bool = False
    missed_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: UUID | None = None
    end: ClockEnd | None = None

    @property
    def runs(self) -> bool:
        """Whether it still has a due instant ahead or unnoticed."""
        return self.end is None


class PauseRecord(Document):
    """A stretch in which the clocks that allow its cause stand still."""

    cause: PauseCause
    episode: int = 1
    started_at: datetime
    started_by: UUID
    until: datetime | None = None
    ended_at: datetime | None = None
    ended_by: UUID | None = None
    actor: str | None = None
    text: str | None = None


class Holder(Document):
    """The agent who holds the case."""

    staff_number: str
    name: str | None = None


class OfferRecord(Document):
    """A customer-driven rung, open to the customer until `expires_at`."""

    id: UUID
    episode: int
    rung: str
    visit: int
    made_at: datetime
    expires_at: datetime
    made_by: UUID
    reason: RungReason
    state: OfferState = OfferState.OPEN


class RungRecord(Document):
    """One entry into a rung, and what led to it."""

    episode: int
    rung: str
    visit: int
    side: Side
    entered_at: datetime
    reason: RungReason
    cause: UUID
    by_role: Role = Role.SYSTEM
    from_rung: str | None = None
    clock: str | None = None
    clock_cycle: int | None = None
    due_at: datetime | None = None
    lateness_ms: int = 0
    retracted_by: UUID | None = None


class Place(Document):
    """Where on the ladder a case is and who has it."""

    rung: str
    visit: int
    entered_at: datetime
    owner_group: str
    holder: Holder | None = None
    acknowledged_until: datetime | None = None


class Undo(Document):
    """What a fired rung or offer changed, kept until no event from before it can come."""

    due_at: datetime
    fired_rung: str
    fired_visit: int
    offer: UUID | None = None
    cause_clock: str | None = None
    cause_cycle: int = 1
    cause_offer: UUID | None = None
    place: Place
    clocks: tuple[ClockRecord, ...]
