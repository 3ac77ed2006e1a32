"""The parts of a ladder's state: one run of a clock, a pause, an offer, an entry into a rung.

Owns: their fields and their JSON form. Due instants and "overdue" are derived (design rule 6),
never stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct

from schemas.pack_clocks import Budget, EndRule, Roll
from schemas.vocabulary import ActionName, ActionState, Role, RungReason, Side

RUNG_CLOCK = "rung"
ACKNOWLEDGEMENT = "acknowledgement"
HOLDER_CLOCK = "holder"
ACTION_PREFIX = "action:"
PROMISE_PREFIX = "promise:"
NO_TIME: Final = timedelta(0)


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


class Document(Struct, kw_only=True, omit_defaults=True, gc=False):
    """A part of the state document. Nothing is checked but when a document is read.

    A new field has a default, which stands for it in documents from before; readers ignore what
    a later release wrote (rolling upgrades). A default that is the field's value is not written.
    No part leads back to what holds it, so the collector need not look at them.
    """


class ExtensionRecord(Document, kw_only=True):
    """Time that somebody who may has added to a clock."""

    at: datetime
    by: timedelta
    reason: str
    actor: str
    approver: str
    cause: UUID


class ClockRecord(Document, kw_only=True):
    """One run of one clock. `by_when` is set for promises and regimes only, which have no budget.

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
    consumed: timedelta = NO_TIME
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
    answered_by_incident: UUID | None = None
    """The incident whose update ended this run; unlinking the case from it undoes that."""
    restored_by: UUID | None = None
    """The event that made it run again as if the incident had not answered."""

    @property
    def runs(self) -> bool:
        """Whether it still has a due instant ahead or unnoticed."""
        return self.end is None


class PauseRecord(Document, kw_only=True):
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


class Holder(Document, kw_only=True):
    """The agent who holds the case."""

    staff_number: str
    name: str | None = None

    def plain(self) -> dict[str, str | None]:
        """The holder as people are shown one, JSON-ready."""
        return {"staff_number": self.staff_number, "name": self.name}


class ActionRecord(Document, kw_only=True):
    """Something that another backend was asked to do. `cycle` names the run of its clock.

    `parameters`, `reason` and `result` may be personal; the document rests sealed.
    """

    id: UUID
    action: ActionName
    cycle: int
    requested_at: datetime
    requested_by: str
    cause: UUID
    expires_at: datetime
    parameters: dict[str, Any] = {}
    state: ActionState = ActionState.REQUESTED
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: UUID | None = None
    reference: str | None = None
    reason: str | None = None
    result: dict[str, Any] = {}

    @property
    def open(self) -> bool:
        """Whether an answer is still waited for."""
        return self.state in (ActionState.REQUESTED, ActionState.ACCEPTED)

    @property
    def clock(self) -> str:
        """The name of its clock."""
        return f"{ACTION_PREFIX}{self.action}"


class OfferRecord(Document, kw_only=True):
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


class RungRecord(Document, kw_only=True):
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
    passed: tuple[str, ...] = ()
    """Rungs that were passed over because nobody of their groups was there."""
    retracted_by: UUID | None = None


class Place(Document, kw_only=True):
    """Where on the ladder a case is and who has it."""

    rung: str
    visit: int
    entered_at: datetime
    owner_group: str
    holder: Holder | None = None
    acknowledged_until: datetime | None = None
    assign_at: datetime | None = None
    """When to look for somebody to give the case to."""
    gave_back: tuple[str, ...] = ()
    """Who had the case on this visit and no longer wants it, or was silent."""
    brief: str | None = None
    """What the agent who handed the case over said to the one who holds it."""


class Undo(Document, kw_only=True):
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
