"""The state document of one case's ladder: what the engine remembers between triggers.

Owns: the whole document and its JSON form; its parts are in `records`. What is next is derived
(design rule 6), never stored. Private: the document rests sealed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from schemas.case import PackPin
from schemas.vocabulary import Category, ImportMode, Lane, Severity, Status, StopReason
from services.escalation.core.act_record import ActRecord
from services.escalation.core.records import (
    ActionRecord,
    ClockRecord,
    Document,
    HolderRecord,
    OfferRecord,
    OfferState,
    PauseCause,
    PauseRecord,
    Place,
    RungRecord,
    Undo,
)


class LadderState(Document):
    """Everything the engine knows of one case.

    Empty lists come from a factory: pydantic copies a default deeply, each time it is used.
    """

    case_id: UUID
    policy: PackPin
    episode: int
    category: Category
    severity: Severity
    lane: Lane
    status: Status
    identity_verified: bool = False
    locale: str = "en"
    known: dict[str, Any] = Field(default_factory=dict)
    """Ids and amounts that actions are about: customer, transaction, amount, currency."""
    started_at: datetime
    """The earliest contact of this episode, from which its clocks run."""
    import_mode: ImportMode | None = None
    place: Place
    clocks: list[ClockRecord] = Field(default_factory=list)
    dropped_cycles: dict[str, int] = Field(default_factory=dict)
    pauses: list[PauseRecord] = Field(default_factory=list)
    offers: list[OfferRecord] = Field(default_factory=list)
    history: list[RungRecord] = Field(default_factory=list)
    undos: list[Undo] = Field(default_factory=list)
    visits: dict[str, int] = Field(default_factory=dict)
    consents: dict[str, bool] = Field(default_factory=dict)
    recused: list[str] = Field(default_factory=list)
    incident: UUID | None = None
    """The incident that the case is linked to."""
    complained_about: list[str] = Field(default_factory=list)
    holders: list[HolderRecord] = Field(default_factory=list)
    actions: list[ActionRecord] = Field(default_factory=list)
    received_at: datetime | None = None
    """The earliest contact of all episodes, from which the law counts."""
    acts: list[ActRecord] = Field(default_factory=list)
    statutory: dict[str, str | bool] = Field(default_factory=dict)
    """The facts that the pack's regimes ask for."""
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

    def run(self, name: str, cycle: int) -> ClockRecord | None:
        """One run of a clock, of any episode; None when only the log has it."""
        found = (r for r in self.clocks if (r.name, r.cycle) == (name, cycle))
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
