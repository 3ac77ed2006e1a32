"""The events of topic `escalations`: what the ladder did.

Owns their fields and which of them are private. Instants are domain time; `lateness_ms` is real.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from schemas.case import PackPin
from schemas.event import PRIVATE, EventData
from schemas.vocabulary import HolderReason, Role, RungReason, Side, StopReason


class LadderEvent(EventData):
    """What every event on `escalations` carries.

    `next_update_at` is the next time at which the customer was promised to hear from us;
    `next_due_at` the next deadline of the operator.
    """

    episode: int
    rung: str
    path: str
    visit: int = 1
    owner_group: str
    next_update_at: datetime | None = None
    next_due_at: datetime | None = None


class LadderStarted(LadderEvent):
    """A case entered its ladder (a new episode, too)."""

    event_name: ClassVar[str] = "ladder.started"

    policy: PackPin
    started_at: datetime
    reason: RungReason


class ClockEvent(LadderEvent):
    """What every event of a clock carries."""

    clock: str
    kind: str
    due_at: datetime | None = None


class ClockStarted(ClockEvent):
    """A clock runs. `budget` is ISO 8601 or a count, in `unit`."""

    event_name: ClassVar[str] = "clock.started"

    started_at: datetime
    budget: str
    unit: str
    citation: str | None = None


class ClockPaused(ClockEvent):
    """A clock stands still: `due_at` is unknown until it runs again."""

    event_name: ClassVar[str] = "clock.paused"

    reason: str
    text: Annotated[str | None, PRIVATE] = None


class ClockResumed(ClockEvent):
    """A clock runs again; `due_at` is its new deadline."""

    event_name: ClassVar[str] = "clock.resumed"

    reason: str


class ClockStopped(ClockEvent):
    """A clock ended; `met` says whether in time."""

    event_name: ClassVar[str] = "clock.stopped"

    met: bool
    stopped_at: datetime


class ClockWarned(ClockEvent):
    """A threshold of a clock passed (percent of its budget)."""

    event_name: ClassVar[str] = "clock.warned"

    threshold_percent: int


class ClockMissed(ClockEvent):
    """A clock ran out. `tell_customer` says whether the customer is owed a word now."""

    event_name: ClassVar[str] = "clock.missed"

    missed_at: datetime
    lateness_ms: int = 0
    tell_customer: bool = False


class RungEntered(LadderEvent):
    """The case entered a rung: at most once per (case, episode, rung, visit)."""

    event_name: ClassVar[str] = "rung.entered"

    side: Side
    from_rung: str | None = None
    entered_at: datetime
    due_at: datetime | None = None
    reason: RungReason
    clock: str | None = None
    lateness_ms: int = 0
    by_role: Role = Role.SYSTEM
    text: Annotated[str | None, PRIVATE] = None


class RungRetracted(LadderEvent):
    """A rung fired on knowledge that was stale: the case is back on `rung`; tell them again."""

    event_name: ClassVar[str] = "rung.retracted"

    retracted_rung: str
    retracted_visit: int
    reason: RungReason
    because_of: UUID


class OfferEvent(LadderEvent):
    """What every event of an offer carries. `rung` is where the case is; `offered_rung` is new."""

    offered_rung: str
    offered_path: str
    offer_id: UUID


class OfferMade(OfferEvent):
    """A customer-driven rung is open to the customer; nothing leaves before consent."""

    event_name: ClassVar[str] = "offer.made"

    expires_at: datetime
    consent_to: str
    reason: RungReason


class OfferAccepted(OfferEvent):
    """The customer took the offer, with recorded consent."""

    event_name: ClassVar[str] = "offer.accepted"


class OfferDeclined(OfferEvent):
    """The customer did not want it."""

    event_name: ClassVar[str] = "offer.declined"

    reason: Annotated[str | None, PRIVATE] = None


class OfferExpired(OfferEvent):
    """The customer said nothing in time."""

    event_name: ClassVar[str] = "offer.expired"


class HolderChanged(LadderEvent):
    """Another agent holds the case (`again`: who gave it back), or nobody. The customer is told."""

    event_name: ClassVar[str] = "holder.changed"

    staff_number: str | None = None
    previous_staff_number: str | None = None
    reason: HolderReason | None = None
    again: bool = False
    name: Annotated[str | None, PRIVATE] = None
    brief: Annotated[str | None, PRIVATE] = None


class NobodyAvailable(LadderEvent):
    """The group of a rung had nobody to take the case before the rung would be over.

    `rung` and `owner_group` say where the case stands; `group` and `passed_rung` whom it passed.
    """

    event_name: ClassVar[str] = "nobody.available"

    group: str
    passed_rung: str | None = None


class PolicyMigrated(LadderEvent):
    """The case was moved to another policy, simulated first; its clocks are told of anew."""

    event_name: ClassVar[str] = "policy.migrated"

    previous: PackPin
    policy: PackPin
    by_role: Role


class IncidentSilent(LadderEvent):
    """An incident said nothing for as long as the pack allows: clocks it `held_since` run again."""

    event_name: ClassVar[str] = "incident.silent"

    incident_id: UUID
    held_since: datetime


class LadderStopped(LadderEvent):
    """All clocks of the episode ended with the case."""

    event_name: ClassVar[str] = "ladder.stopped"

    reason: StopReason


LADDER_EVENTS: tuple[type[LadderEvent], ...] = (
    LadderStarted,
    ClockStarted,
    ClockPaused,
    ClockResumed,
    ClockStopped,
    ClockWarned,
    ClockMissed,
    RungEntered,
    RungRetracted,
    OfferMade,
    OfferAccepted,
    OfferDeclined,
    OfferExpired,
    HolderChanged,
    NobodyAvailable,
    PolicyMigrated,
    IncidentSilent,
    LadderStopped,
)
