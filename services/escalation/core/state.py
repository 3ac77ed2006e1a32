"""The state document of one case's ladder: what the engine remembers between triggers.

Owns: its fields and its JSON form. Due instants, "overdue" and what is next are derived (design
rule 6), never stored. Private: the document rests sealed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from schemas.case import PackPin
from schemas.pack import Budget
from schemas.vocabulary import (
    Category,
    Lane,
    Role,
    RungReason,
    Severity,
    Side,
    Status,
    StopReason,
)

RUNG_CLOCK = "rung"
ACKNOWLEDGEMENT = "acknowledgement"
PROMISE_PREFIX = "promise:"


class PauseCause(StrEnum):
    """Why clocks stand still."""

    WAITING_CUSTOMER = "waiting_customer"
    WAITING_THIRD_PARTY = "waiting_third_party"
    AGENT = "agent"


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


class _Document(BaseModel):
    """Readers ignore what a later release wrote (rolling upgrades)."""

    model_config = ConfigDict(extra="ignore", ser_json_timedelta="iso8601")


class ExtensionRecord(_Document):
    """Time that somebody who may has added to a clock."""

    at: datetime
    by: timedelta
    reason: str
    actor: str
    approver: str
    cause: UUID


class ClockRecord(_Document):
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


class PauseRecord(_Document):
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


class Holder(_Document):
    """The agent who holds the case."""

    staff_number: str
    name: str | None = None


class OfferRecord(_Document):
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


class RungRecord(_Document):
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


class Place(_Document):
    """Where on the ladder a case is and who has it."""

    rung: str
    visit: int
    entered_at: datetime
    owner_group: str
    holder: Holder | None = None
    acknowledged_until: datetime | None = None


class Undo(_Document):
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


class LadderState(_Document):
    """Everything the engine knows of one case."""

    case_id: UUID
    policy: PackPin
    episode: int
    category: Category
    severity: Severity
    lane: Lane
    status: Status
    identity_verified: bool = False
    started_at: datetime
    """The earliest contact of this episode, from which its clocks run."""
    place: Place
    clocks: list[ClockRecord] = []
    dropped_cycles: dict[str, int] = {}
    pauses: list[PauseRecord] = []
    offers: list[OfferRecord] = []
    history: list[RungRecord] = []
    undos: list[Undo] = []
    visits: dict[str, int] = {}
    consents: dict[str, bool] = {}
    recused: list[str] = []
    stopped: StopReason | None = None
    stopped_at: datetime | None = None
    held_since: datetime | None = None
    """Real time."""

    def running(self) -> list[ClockRecord]:
        """The clocks of this episode that have not ended."""
        return [record for record in self.clocks if record.end is None]

    def clock(self, name: str) -> ClockRecord | None:
        """The newest run of a clock in this episode."""
        found = (
            record
            for record in reversed(self.clocks)
            if record.name == name and record.episode == self.episode
        )
        return next(found, None)

    def open_offers(self) -> list[OfferRecord]:
        """The offers that the customer may still take."""
        return [offer for offer in self.offers if offer.state is OfferState.OPEN]

    def open_pause(self, cause: PauseCause | None = None) -> PauseRecord | None:
        """The pause that goes on, of this cause if one is named."""
        found = (p for p in self.pauses if p.ended_at is None and cause in (None, p.cause))
        return next(found, None)


def read_state(document: bytes) -> LadderState:
    """The state of a stored document."""
    return LadderState.model_validate_json(document)


def write_state(state: LadderState) -> bytes:
    """The document to store; absent values are left out."""
    return state.model_dump_json(exclude_none=True, exclude_defaults=True).encode()
