"""The state document of one case's ladder: what the engine remembers between triggers.

Owns: the whole document and its JSON form; its parts are in `records`. What is next is derived
(design rule 6), never stored. Private: the document rests sealed.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from schemas.case import PackPin
from schemas.pack_clocks import Budget
from schemas.vocabulary import Category, ImportMode, Lane, Severity, Status, StopReason
from services.escalation.core.act_record import ActRecord
from services.escalation.core.holder_record import HolderRecord
from services.escalation.core.records import (
    ActionRecord,
    ClockRecord,
    Document,
    OfferRecord,
    OfferState,
    PauseCause,
    PauseRecord,
    Place,
    RungRecord,
    Undo,
)


class MigrationRecord(Document):
    """The case was moved from `previous` to another policy."""

    at: datetime
    previous: PackPin
    by: str
    cause: UUID


class LadderState(Document, kw_only=True):
    """Everything the engine knows of one case."""

    case_id: UUID
    policy: PackPin
    episode: int
    category: Category
    severity: Severity
    lane: Lane
    status: Status
    identity_verified: bool = False
    locale: str = "en"
    known: dict[str, Any] = {}
    """Ids and amounts that actions are about: customer, transaction, amount, currency."""
    started_at: datetime
    """The earliest contact of this episode, from which its clocks run."""
    import_mode: ImportMode | None = None
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
    incident: UUID | None = None
    """The incident that the case is linked to."""
    complained_about: list[str] = []
    holders: list[HolderRecord] = []
    actions: list[ActionRecord] = []
    migrations: list[MigrationRecord] = []
    received_at: datetime | None = None
    """The earliest contact of all episodes, from which the law counts."""
    acts: list[ActRecord] = []
    statutory: dict[str, str | bool] = {}
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
    """The state of a stored document. Raises `ValueError`, which quotes nothing of it."""
    try:
        return _READER.decode(document)
    except (msgspec.MsgspecError, KeyError) as error:
        raise ValueError(f"no state document: {type(error).__name__}") from None


def write_state(state: LadderState) -> bytes:
    """The document to store; absent values are left out."""
    return _WRITER.encode(state)


def copy_of(state: LadderState) -> LadderState:
    """A state that shares nothing with this one."""
    return read_state(write_state(state))


# Two parts are values of the contract. There are few of each, so every one is made once.
def _read_part(kind: type, plain: Any) -> Any:
    if kind is Budget:
        return _budget(plain["amount"], plain["unit"], plain["calendar"])
    if kind is PackPin:
        return _pin(plain["name"], plain["version"], plain["digest"])
    raise NotImplementedError(f"the document knows no {kind}")


@lru_cache(maxsize=4096)
def _budget(amount: str | int, unit: str, calendar: str) -> Budget:
    return Budget.model_validate({"amount": amount, "unit": unit, "calendar": calendar})


@lru_cache(maxsize=4096)
def _pin(name: str, version: str, digest: str) -> PackPin:
    return PackPin(name=name, version=version, digest=digest)


@lru_cache(maxsize=4096)
def _write_part(value: Budget | PackPin) -> msgspec.Raw:
    return msgspec.Raw(value.model_dump_json().encode())


_READER = msgspec.json.Decoder(LadderState, dec_hook=_read_part)
_WRITER = msgspec.json.Encoder(enc_hook=_write_part)
