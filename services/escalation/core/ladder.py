"""Moving a case on its ladder: entering rungs, making and ending offers, stopping.

Owns: where the case stands, the history of rungs, visits and their bound. Never decides whether
to move: it is told why, and keeps what is needed to take a fired rung back. How an episode begins
is in `episodes`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid5

from schemas.escalation import (
    HolderChanged,
    LadderStopped,
    OfferExpired,
    OfferMade,
    RungEntered,
)
from schemas.pack import Rung
from schemas.pack_clocks import Budget
from schemas.vocabulary import RungReason, Side, StopReason
from services.escalation.core.clock import offset_from
from services.escalation.core.policy import Policy, clock_budget
from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    RUNG_CLOCK,
    ClockEnd,
    Holder,
    OfferRecord,
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


def climb(turn: Turn, target: str, why: Why) -> None:
    """Takes the case to a rung: entered when it is the operator's, offered when the customer's.

    A rung whose visits are used up is passed over for the one that follows it.
    """
    rung = _with_visits_left(turn, target)
    if rung is None:
        return
    if rung.side is Side.CUSTOMER:
        offer(turn, rung, why)
    else:
        enter(turn, rung.name, why)


def _with_visits_left(turn: Turn, target: str) -> Rung | None:
    name: str | None = target
    while name is not None:
        rung = turn.policy.rungs[name]
        if turn.state.visits.get(name, 0) < rung.max_visits:
            return rung
        name = rung.then
    return None


def enter(turn: Turn, rung: str, why: Why, visit: int | None = None) -> None:
    """Puts the case on a rung: a new visit with its full budget, nobody holding it yet."""
    left = turn.state.place
    keep_undo(turn, rung, why, offer_id=None)
    _leave(turn)
    stand_on(turn, rung, visit)
    if left.holder is not None:
        turn.emit(HolderChanged, previous_staff_number=left.holder.staff_number)
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
    )
    turn.state.history.append(record)
    turn.emit(
        RungEntered,
        **record.model_dump(include={"side", "from_rung", "entered_at", "reason", "clock"}),
        due_at=instant_after(turn.policy, budget, turn.now) if budget else None,
        lateness_ms=lateness_ms,
        by_role=turn.by_role,
        text=why.text,
    )
    start_rung_clock(turn, RUNG_CLOCK, budget)
    acknowledge = turn.policy.acknowledge_within(place.rung, lane)
    start_rung_clock(turn, ACKNOWLEDGEMENT, acknowledge)


def instant_after(policy: Policy, budget: Budget, start_at: datetime) -> datetime:
    """The instant at which a budget that nothing pauses is spent."""
    time = policy.calendars[budget.calendar]
    return offset_from(start_at, clock_budget(budget), time)


def offer(turn: Turn, rung: Rung, why: Why) -> OfferRecord | None:
    """Opens a customer-driven rung to the customer; None when it is open already."""
    if any(opened.rung == rung.name for opened in turn.state.open_offers()) or rung.offer is None:
        return None
    state = turn.state
    visit = state.visits[rung.name] = state.visits.get(rung.name, 0) + 1
    offer_id = uuid5(state.case_id, f"offer:{state.episode}:{rung.name}:{visit}")
    keep_undo(turn, rung.name, why, offer_id)
    record = OfferRecord(
        id=offer_id,
        episode=state.episode,
        rung=rung.name,
        visit=visit,
        made_at=turn.now,
        expires_at=instant_after(turn.policy, rung.offer.expires_after, turn.now),
        made_by=turn.cause,
        reason=why.reason,
    )
    state.offers.append(record)
    turn.emit(
        OfferMade,
        **offer_fields(turn.policy, record),
        expires_at=record.expires_at,
        consent_to=rung.offer.consent_to,
        reason=why.reason,
    )
    return record


def offer_fields(policy: Policy, record: OfferRecord) -> dict[str, Any]:
    """What every event of an offer says."""
    path = policy.rungs[record.rung].path
    return {"offered_rung": record.rung, "offered_path": path, "offer_id": record.id}


def expire(turn: Turn, record: OfferRecord) -> None:
    """Ends an offer that the customer left unanswered, and opens the next one."""
    record.state = OfferState.EXPIRED
    turn.emit(OfferExpired, **offer_fields(turn.policy, record))
    why = Why(RungReason.OFFER_EXPIRED, offer=record, due_at=record.expires_at)
    offer_next(turn, record.rung, why)


def offer_next(turn: Turn, rung: str, why: Why) -> None:
    """Goes on after an offer is over; where nothing follows, the case stays with its rung."""
    following = turn.policy.rungs[rung].then
    if following is not None:
        climb(turn, following, why)


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
    turn.emit(LadderStopped, reason=reason)


def change_holder(turn: Turn, holder: Holder | None, brief: str | None = None) -> None:
    """Gives the case to an agent, or to nobody."""
    previous = turn.state.place.holder
    turn.state.place.holder = holder
    turn.emit(
        HolderChanged,
        staff_number=holder.staff_number if holder else None,
        previous_staff_number=previous.staff_number if previous else None,
        name=holder.name if holder else None,
        brief=brief,
    )
