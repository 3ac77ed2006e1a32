"""Remembering what a deadline changed, so that a late event can take it back.

Owns: the reason of a move, and the record made just before it. Putting back is in `retraction`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from schemas.vocabulary import RungReason
from services.escalation.core.records import ClockRecord, OfferRecord, Undo
from services.escalation.core.timekeeping import RUNG_CLOCKS
from services.escalation.core.turn import Turn


@dataclass(frozen=True, slots=True)
class Why:
    """Why a case moves: the reason, the clock or offer that ran out, and what a person said."""

    reason: RungReason
    clock: ClockRecord | None = None
    offer: OfferRecord | None = None
    due_at: datetime | None = None
    text: str | None = None
    passed: tuple[str, ...] = ()
    """Rungs that were passed over on the way, because nobody was there."""


def keep_undo(turn: Turn, rung: str, why: Why, offer_id: UUID | None) -> None:
    """Remembers what a deadline is about to change; what people decide is never taken back."""
    if why.due_at is None:
        turn.state.undos = []
        return
    changing = list(_changing(turn, why))
    turn.state.undos.append(
        Undo(
            due_at=why.due_at,
            fired_rung=rung,
            fired_visit=turn.state.visits.get(rung, 0) + (1 if offer_id is None else 0),
            offer=offer_id,
            cause_clock=why.clock.name if why.clock else None,
            cause_cycle=why.clock.cycle if why.clock else 1,
            cause_offer=why.offer.id if why.offer else None,
            place=replace(turn.state.place),
            clocks=tuple(replace(record) for record in changing),
        )
    )


def _changing(turn: Turn, why: Why) -> Iterator[ClockRecord]:
    if why.clock is not None:
        yield why.clock
    for record in turn.state.running():
        if record.name in RUNG_CLOCKS and record is not why.clock:
            yield record
