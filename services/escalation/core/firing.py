"""What happens when a deadline has come.

Owns: the consequences of each kind of deadline. A wake-up is a hint: what is due is derived
anew, so early, late and doubled ones change nothing (design rule 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import assert_never
from uuid import UUID, uuid5

from schemas.escalation import ClockMissed, ClockWarned
from schemas.vocabulary import ActionName, HolderReason, RungReason
from services.escalation.core import actions
from services.escalation.core.climbing import climb, expire
from services.escalation.core.deadlines import VISIBLE, Deadline, DeadlineKind
from services.escalation.core.holders import start_acknowledgement, take_back
from services.escalation.core.incidents import fall_silent
from services.escalation.core.policy import Policy, breach_reason
from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    ACTION_PREFIX,
    HOLDER_CLOCK,
    PROMISE_PREFIX,
    RUNG_CLOCK,
    ClockEnd,
    ClockRecord,
    PauseCause,
    PauseRecord,
)
from services.escalation.core.state import LadderState
from services.escalation.core.statutory import is_statute, keep_statutes
from services.escalation.core.timekeeping import restart, resume
from services.escalation.core.turn import Firing, Turn
from services.escalation.core.undo import Why


def due_until(turn: Turn, until: datetime, *, hold: bool) -> Iterator[Deadline]:
    """What is due, earliest first; what the customer would see is left out while held.

    Looking for a holder is nothing that fires: whoever knows the roster does it (`assigning`).
    """
    for found in turn.waiting():
        due = found.at <= until and found.kind is not DeadlineKind.ASSIGNMENT
        if due and not (hold and found.kind in VISIBLE):
            yield found


def fire_until(turn: Turn, until: datetime, *, hold: bool = False) -> None:
    """Acts on everything due, one after the other: each may move what comes next."""
    trigger = turn.cause
    while (found := next(due_until(turn, until, hold=hold), None)) is not None:
        what, cycle = _what(found, turn.state)
        turn.cause = firing_id(turn.state, what, cycle, found.at)
        turn.firings.append(
            Firing(turn.state.episode, what, cycle, found.at, turn.now, turn.lateness_of(found.at))
        )
        _fire(turn, found)
        turn.changed()
    turn.cause = trigger


def firing_id(state: LadderState, what: str, cycle: int, due_at: datetime) -> UUID:
    """The id of a deadline of a case: the same whenever, and however often, it is noticed."""
    instant = due_at.astimezone(UTC).isoformat()
    return uuid5(state.case_id, f"due:{state.episode}:{what}:{cycle}:{instant}")


def _what(found: Deadline, state: LadderState) -> tuple[str, int]:
    match found.kind:
        case DeadlineKind.CLOCK:
            record = state.clocks[found.position]
            return record.name, record.cycle
        case DeadlineKind.WARNING:
            record = state.clocks[found.position]
            return f"{record.name}@{found.percent}", record.cycle
        case DeadlineKind.OFFER_EXPIRES:
            offer = state.offers[found.position]
            return f"offer:{offer.rung}", offer.visit
        case DeadlineKind.PAUSE_ENDS:
            return "pause", found.position + 1
        case DeadlineKind.ACKNOWLEDGEMENT_EXPIRES:
            earlier = state.clock(ACKNOWLEDGEMENT)
            return "acknowledged", earlier.cycle if earlier else 0
        case DeadlineKind.ACTION_EXPIRES:
            action = state.actions[found.position]
            return f"{action.clock}@expiry", action.cycle
        case DeadlineKind.ASSIGNMENT:
            raise AssertionError("looking for a holder is nothing that fires")
    assert_never(found.kind)


def _fire(turn: Turn, found: Deadline) -> None:
    state = turn.state
    match found.kind:
        case DeadlineKind.CLOCK:
            record = state.clocks[found.position]
            if not _is_void(turn, record, found.at):
                _miss(turn, record, found.at)
        case DeadlineKind.WARNING:
            _warn(turn, state.clocks[found.position], found)
        case DeadlineKind.OFFER_EXPIRES:
            expire(turn, state.offers[found.position])
        case DeadlineKind.PAUSE_ENDS:
            _end_pause(turn, state.pauses[found.position], found.at)
        case DeadlineKind.ACKNOWLEDGEMENT_EXPIRES:
            state.place.acknowledged_until = None
            start_acknowledgement(turn)
        case DeadlineKind.ACTION_EXPIRES:
            actions.expire(turn, state.actions[found.position])
        case _:
            raise AssertionError("looking for a holder is nothing that fires")


def _end_pause(turn: Turn, record: PauseRecord, at: datetime) -> None:
    if record.cause is PauseCause.INCIDENT:
        fall_silent(turn, record, at)
    else:
        resume(turn, {record.cause}, at, "pause_ended")


def _is_void(turn: Turn, record: ClockRecord, due_at: datetime) -> bool:
    """Whether a regime's deadline is none any more, now that its instant has come."""
    if not is_statute(record):
        return False
    keep_statutes(turn, due_at)
    return not record.runs or record.by_when is None or record.by_when > due_at


def _warn(turn: Turn, record: ClockRecord, found: Deadline) -> None:
    record.warned = (*record.warned, found.percent)
    turn.emit(ClockWarned, clock=record.name, kind=record.kind, threshold_percent=found.percent)


def _miss(turn: Turn, record: ClockRecord, due_at: datetime) -> None:
    record.end, record.missed_at = ClockEnd.MISSED, due_at
    rule = turn.policy.clock_rule(turn.state.lane, record.name)
    promise = record.name.startswith(PROMISE_PREFIX)
    turn.emit(
        ClockMissed,
        clock=record.name,
        kind=record.kind,
        due_at=due_at,
        missed_at=turn.now,
        lateness_ms=turn.lateness_of(due_at),
        tell_customer=promise or (rule is not None and rule.on_breach.tell_customer),
    )
    if record.name == HOLDER_CLOCK:
        take_back(turn, HolderReason.SILENT)
        return
    _climb_for(turn, record, due_at)
    if rule is not None and rule.on_breach.restart:
        # What the law counts from is never moved by our being late (design rule 7).
        restart(turn, record, due_at if record.kind == "statutory" else turn.now)


def _climb_for(turn: Turn, record: ClockRecord, due_at: datetime) -> None:
    target, reason = target_of(record, turn.state, turn.policy)
    if target is not None:
        reason = RungReason.STREAM_SILENT if turn.silent else reason
        climb(turn, target, Why(reason, clock=record, due_at=due_at))


def target_of(
    record: ClockRecord, state: LadderState, policy: Policy
) -> tuple[str | None, RungReason]:
    """Where a missed clock takes the case, and why; nowhere when it stands there already."""
    current = state.place.rung
    following = policy.rungs[current].then
    if record.name == RUNG_CLOCK:
        return following, RungReason.RUNG_BUDGET_SPENT
    if record.name == ACKNOWLEDGEMENT:
        return following, RungReason.ACKNOWLEDGEMENT_MISSED
    if record.name.startswith(PROMISE_PREFIX):
        return following, RungReason.PROMISE_BROKEN
    if record.name.startswith(ACTION_PREFIX):
        return _above(current, _late_to(record, policy), policy), RungReason.ACTION_LATE
    rule = policy.clock_rule(state.lane, record.name)
    if rule is None or rule.on_breach.escalate_to is None:
        return None, RungReason.CLOCK_MISSED
    return _above(current, rule.on_breach.escalate_to, policy), breach_reason(rule)


def _late_to(record: ClockRecord, policy: Policy) -> str | None:
    rule = policy.pack.actions.get(ActionName(record.name.removeprefix(ACTION_PREFIX)))
    return rule.late_to if rule else None


def _above(current: str, target: str | None, policy: Policy) -> str | None:
    """The target if it is higher than where the case stands."""
    if target is None or policy.height[target] <= policy.height[current]:
        return None
    return target
