"""Giving a case to an agent, and taking it from one: the events, the record, the holder's clock.

Owns who holds the case in the state, and who may not. Never decides who should: people claim and
hand over (`holding`), the roster's rules assign (`assigning`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from schemas.escalation import HolderChanged
from schemas.vocabulary import HolderReason
from services.escalation.core.holder_record import HolderRecord
from services.escalation.core.policy import Policy
from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    HOLDER_CLOCK,
    ClockEnd,
    Holder,
)
from services.escalation.core.state import LadderState
from services.escalation.core.timekeeping import end_where, start_rung_clock
from services.escalation.core.turn import Turn

KEPT_HOLDERS: Final = 50
"""So many earlier holders the document keeps; older ones lie in the log."""
_LOST: Final = frozenset(
    {HolderReason.ABSENT, HolderReason.SILENT, HolderReason.COMPLAINED_ABOUT, HolderReason.RECUSED}
)
_GAVE_BACK: Final = frozenset({HolderReason.RELEASED, HolderReason.SILENT})


def give_to(turn: Turn, holder: Holder, reason: HolderReason, brief: str | None = None) -> None:
    """The agent holds the case from now on."""
    place = turn.state.place
    previous = place.holder
    _end_holding(turn, reason)
    again = reason is HolderReason.ASSIGNED and holder.staff_number in place.gave_back
    place.holder, place.brief, place.assign_at = holder, brief, None
    _begin_record(turn, holder, reason, again=again)
    _tell(turn, previous, reason, brief, again=again)
    start_rung_clock(turn, HOLDER_CLOCK, turn.policy.rungs[place.rung].silent_after)


def take_back(turn: Turn, reason: HolderReason) -> None:
    """Nobody holds the case from now on; where the rung assigns, somebody else is looked for.

    Who loses it unasked leaves a group that must see it anew: its acknowledgement runs again.
    """
    place = turn.state.place
    previous = place.holder
    if previous is None:
        return
    _end_holding(turn, reason)
    place.holder = place.brief = None
    if reason in _GAVE_BACK and previous.staff_number not in place.gave_back:
        place.gave_back = (*place.gave_back, previous.staff_number)
    _tell(turn, previous, reason, None)
    seek(turn)
    if reason in _LOST:
        place.acknowledged_until = None
        end_where(turn, lambda record: record.name == ACKNOWLEDGEMENT, ClockEnd.STOPPED)
        start_acknowledgement(turn)


def start_acknowledgement(turn: Turn) -> None:
    """Somebody on the case's rung must see it from now on, where the rung asks for that."""
    budget = turn.policy.acknowledge_within(turn.state.place.rung, turn.state.lane)
    start_rung_clock(turn, ACKNOWLEDGEMENT, budget)


def give_to_group(turn: Turn) -> None:
    """Another group owns the case now, and hears of it whether somebody held the case or not."""
    if turn.state.place.holder is not None:
        take_back(turn, HolderReason.GROUP_CHANGED)
        return
    _tell(turn, None, HolderReason.GROUP_CHANGED, None)
    seek(turn)


def left_behind(turn: Turn, previous: Holder | None, reason: HolderReason) -> None:
    """The case moved on without its holder; says so from where it stands now."""
    if previous is not None:
        _end_records(turn, reason)
        _tell(turn, previous, reason, None)


def came_back(turn: Turn, lost: Holder | None) -> None:
    """The case is back where it was before a rung was taken back, and so is its holder."""
    holder = turn.state.place.holder
    if holder == lost:
        return
    _end_records(turn, HolderReason.RETRACTED)
    if holder is not None:
        _begin_record(turn, holder, HolderReason.RETRACTED)
    _tell(turn, lost, HolderReason.RETRACTED, None)


def seek(turn: Turn) -> None:
    """Has somebody looked for, where the rung gives cases to people."""
    if turn.policy.rungs[turn.state.place.rung].assign is not None:
        turn.state.place.assign_at = turn.now


def barred(state: LadderState, policy: Policy, rung: str) -> frozenset[str]:
    """The staff numbers of those who may not hold the case on a rung."""
    return frozenset((*state.recused, *state.complained_about, *_stale_eyes(state, policy, rung)))


def _stale_eyes(state: LadderState, policy: Policy, rung: str) -> Iterable[str]:
    if not policy.rungs[rung].fresh_eyes:
        return ()
    return (
        record.staff_number
        for record in state.holders
        if record.episode == state.episode and record.rung != rung
    )


def _begin_record(turn: Turn, holder: Holder, reason: HolderReason, *, again: bool = False) -> None:
    place = turn.state.place
    turn.state.holders.append(
        HolderRecord(
            staff_number=holder.staff_number,
            episode=turn.state.episode,
            rung=place.rung,
            visit=place.visit,
            since=turn.now,
            reason=reason,
            again=again,
        )
    )
    del turn.state.holders[:-KEPT_HOLDERS]


def _end_holding(turn: Turn, reason: HolderReason) -> None:
    _end_records(turn, reason)
    end_where(turn, lambda record: record.name == HOLDER_CLOCK, ClockEnd.STOPPED)


def _end_records(turn: Turn, reason: HolderReason) -> None:
    for record in turn.state.holders:
        if record.until is None:
            record.until, record.left = turn.now, reason


def _tell(
    turn: Turn,
    previous: Holder | None,
    reason: HolderReason,
    brief: str | None,
    *,
    again: bool = False,
) -> None:
    holder = turn.state.place.holder
    turn.emit(
        HolderChanged,
        staff_number=holder.staff_number if holder else None,
        previous_staff_number=previous.staff_number if previous else None,
        reason=reason,
        again=again,
        name=holder.name if holder else None,
        brief=brief,
    )
