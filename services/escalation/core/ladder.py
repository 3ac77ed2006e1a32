"""Where a case stands on its ladder: entering a rung, and the end.

Owns: the place, the history of rungs, visits, and what starts and ends with a rung. Never decides
whether to move: it is told why, and keeps what is needed to take a fired rung back. Which rung it
is, is in `climbing`; how an episode begins is in `episodes`.
"""

from __future__ import annotations

from schemas.escalation import LadderStopped, RungEntered
from schemas.vocabulary import HolderReason, StopReason
from services.escalation.core.actions import call_off
from services.escalation.core.holders import left_behind, seek, start_acknowledgement
from services.escalation.core.policy import instant_after
from services.escalation.core.records import (
    RUNG_CLOCK,
    ClockEnd,
    OfferState,
    PauseCause,
    Place,
    RungRecord,
)
from services.escalation.core.timekeeping import (
    RUNG_CLOCKS,
    end_where,
    resume,
    start_rung_clock,
)
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why, keep_undo


def enter(turn: Turn, rung: str, why: Why, visit: int | None = None) -> None:
    """Puts the case on a rung: a new visit with its full budget, nobody holding it yet."""
    left = turn.state.place
    keep_undo(turn, rung, why, offer_id=None)
    _leave(turn)
    stand_on(turn, rung, visit)
    left_behind(turn, left.holder, HolderReason.RUNG_LEFT)
    entered(turn, left.rung, why)


def _leave(turn: Turn) -> None:
    end_where(turn, lambda record: record.name in RUNG_CLOCKS, ClockEnd.STOPPED)
    # Whoever paused the case no longer has it: the next group starts with running clocks.
    resume(turn, {PauseCause.AGENT}, turn.at, "rung_entered")


def stand_on(turn: Turn, rung: str, visit: int | None = None) -> None:
    """Moves the case without a word of it; a new visit unless one is given."""
    visits = turn.state.visits
    if visit is None:
        visit = visits[rung] = visits.get(rung, 0) + 1
    group = turn.policy.group(rung, turn.state.category)
    turn.state.place = Place(rung=rung, visit=visit, entered_at=turn.now, owner_group=group)


def entered(turn: Turn, left: str | None, why: Why) -> None:
    """Records and tells the rung on which the case now stands, and starts the rung's clocks."""
    place, lane = turn.state.place, turn.state.lane
    lateness_ms = turn.lateness_of(why.due_at) if why.due_at else 0
    budget = turn.policy.rung_budget(place.rung, lane)
    record = RungRecord(
        episode=turn.state.episode,
        rung=place.rung,
        visit=place.visit,
        side=turn.policy.rungs[place.rung].side,
        entered_at=turn.now,
        reason=why.reason,
        cause=turn.cause,
        by_role=turn.by_role,
        from_rung=left,
        clock=why.clock.name if why.clock else None,
        clock_cycle=why.clock.cycle if why.clock else None,
        due_at=why.due_at,
        lateness_ms=lateness_ms,
        passed=why.passed,
    )
    turn.state.history.append(record)
    turn.emit(
        RungEntered,
        side=record.side,
        from_rung=left,
        entered_at=record.entered_at,
        reason=record.reason,
        clock=record.clock,
        due_at=instant_after(turn.policy, budget, turn.now) if budget else None,
        lateness_ms=lateness_ms,
        by_role=turn.by_role,
        text=why.text,
    )
    start_rung_clock(turn, RUNG_CLOCK, budget)
    start_acknowledgement(turn)
    seek(turn)


def stop(turn: Turn, reason: StopReason) -> None:
    """Ends the ladder with the case: every clock, pause and offer of the episode."""
    state = turn.state
    end_where(turn, lambda record: True, ClockEnd.STOPPED)
    state.stopped, state.stopped_at, state.held_since = reason, turn.at, None
    for pause in state.pauses:
        if pause.ended_at is None:
            pause.ended_at, pause.ended_by = max(turn.at, pause.started_at), turn.cause
    for record in state.open_offers():
        record.state = OfferState.WITHDRAWN
    state.undos = []
    state.place.assign_at = None
    if reason in (StopReason.WITHDRAWN, StopReason.MERGED):
        call_off(turn, reason)
    turn.emit(LadderStopped, reason=reason)
