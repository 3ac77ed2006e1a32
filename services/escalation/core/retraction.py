"""Taking back a rung that fired on knowledge that was stale (design rule 8).

Owns: whether an event from before a rung's due instant would have prevented it, and putting the
case back. What a person decided since is never taken back.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from schemas.escalation import RungRetracted
from schemas.vocabulary import RungReason
from services.escalation.core.deadlines import due_of
from services.escalation.core.holders import came_back
from services.escalation.core.records import (
    ClockRecord,
    OfferState,
    RungRecord,
    Undo,
)
from services.escalation.core.state import LadderState, copy_of
from services.escalation.core.timekeeping import RUNG_CLOCKS
from services.escalation.core.turn import Turn


def retract_prevented(turn: Turn, apply: Callable[[Turn], None]) -> None:
    """Takes back the first fired rung that the late event prevents, and all that followed it.

    `apply` carries the event out on a turn. What fired at or before the event's instant is
    confirmed and forgotten.
    """
    undos = turn.state.undos
    for position, undo in enumerate(undos):
        if undo.due_at > turn.at and _prevented(turn, position, apply):
            _retract(turn, position)
            turn.changed()
            break
    turn.state.undos = [undo for undo in turn.state.undos if undo.due_at > turn.at]


def _prevented(turn: Turn, position: int, apply: Callable[[Turn], None]) -> bool:
    """Whether the deadline had not come at its instant, had the event been known in time."""
    state = copy_of(turn.state)
    trial = Turn(state, turn.policy, turn.now, turn.at, turn.cause, turn.by_role)
    undo = state.undos[position]
    for later in reversed(state.undos[position:]):
        _restore(state, later)
    apply(trial)
    return state.stopped is not None or not _still_due(trial, undo)


def _still_due(trial: Turn, undo: Undo) -> bool:
    state = trial.state
    if undo.cause_offer is not None:
        return any(offer.id == undo.cause_offer for offer in state.open_offers())
    for record in state.running():
        if (record.name, record.cycle) == (undo.cause_clock, undo.cause_cycle):
            due_at = due_of(record, state, trial.policy).at
            return due_at is not None and due_at <= undo.due_at
    return False


def _retract(turn: Turn, position: int) -> None:
    holder = turn.state.place.holder
    for undo in reversed(turn.state.undos[position:]):
        _restore(turn.state, undo)
        for entered in turn.state.history:
            if undo.offer is None and _is_fired(entered, turn.state, undo):
                entered.retracted_by = turn.cause
        turn.emit(
            RungRetracted,
            retracted_rung=undo.fired_rung,
            retracted_visit=undo.fired_visit,
            reason=RungReason.LATE_EVENT,
            because_of=turn.cause,
        )
    turn.state.undos = turn.state.undos[:position]
    came_back(turn, holder)


def _is_fired(entered: RungRecord, state: LadderState, undo: Undo) -> bool:
    visit = (entered.episode, entered.rung, entered.visit)
    return visit == (state.episode, undo.fired_rung, undo.fired_visit)


def _restore(state: LadderState, undo: Undo) -> None:
    """Puts place and clocks back; visits stay counted, so that no visit is ever used twice."""
    restored = {
        (record.name, record.cycle): replace(
            record, end=None, missed_at=None, ended_at=None, ended_by=None
        )
        for record in undo.clocks
    }
    state.clocks = [
        restored.pop((record.name, record.cycle), record)
        for record in state.clocks
        if not _began_by(record, undo)
    ]
    state.clocks += restored.values()
    state.place = replace(undo.place)
    for offer in state.offers:
        if offer.id == undo.offer:
            offer.state = OfferState.RETRACTED
        if offer.id == undo.cause_offer:
            offer.state = OfferState.OPEN


def _began_by(record: ClockRecord, undo: Undo) -> bool:
    """Whether a clock began with what is taken back: the rung's own, or the cause's next run."""
    before = {(clock.name, clock.cycle) for clock in undo.clocks}
    if not record.runs or (record.name, record.cycle) in before:
        return False
    if record.name == undo.cause_clock:
        return record.cycle > undo.cause_cycle
    return undo.offer is None and record.name in RUNG_CLOCKS
