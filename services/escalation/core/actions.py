"""What other backends are asked to do for a case: requested once, answered, called off, expired.

Owns the life of an action in the state, its clock, and what is said of it on topic `actions`.
Never decides who may ask (`action_commands`), nor where a case goes when one comes late or is
refused (`firing`, `answering`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid5

from schemas.actions import ActionCancelled, ActionExpired, ActionRequested
from schemas.pack import ActionRule
from schemas.vocabulary import ActionName, ActionState, Lane, Role, StopReason
from services.escalation.core.deadlines import due_of
from services.escalation.core.policy import instant_after
from services.escalation.core.records import ACTION_PREFIX, ActionRecord, ClockEnd
from services.escalation.core.timekeeping import end, start_action_clock
from services.escalation.core.turn import Turn

_HAS_EFFECT: Final = frozenset({ActionState.REQUESTED, ActionState.ACCEPTED, ActionState.DONE})


def request(
    turn: Turn, action: ActionName, rule: ActionRule, parameters: Mapping[str, Any], by: str
) -> ActionRecord:
    """Asks for an action: its clock starts, and it expires by itself."""
    state = turn.state
    clock = start_action_clock(turn, f"{ACTION_PREFIX}{action}", rule.answer_within)
    record = ActionRecord(
        id=uuid5(state.case_id, f"action:{action}:{clock.cycle}"),
        action=action,
        cycle=clock.cycle,
        requested_at=turn.at,
        requested_by=by,
        cause=turn.cause,
        expires_at=instant_after(turn.policy, rule.expires_after, turn.at),
        parameters=dict(parameters),
    )
    state.actions.append(record)
    turn.requests.append(
        ActionRequested(
            **_named(record),
            parameters=record.parameters,
            requested_at=record.requested_at,
            due_at=due_of(clock, state, turn.policy).at or record.expires_at,
            expires_at=record.expires_at,
            identity_verified=state.identity_verified,
        )
    )
    return record


def request_first(turn: Turn, lane: Lane) -> None:
    """Asks for what a lane does first, as far as it is not under way or done already."""
    asked = {record.action for record in turn.state.actions if record.state in _HAS_EFFECT}
    for first in turn.policy.lane(lane).first_actions:
        if first.action in asked or not (first.even_unverified or turn.state.identity_verified):
            continue
        rule = turn.policy.pack.actions[first.action]
        request(turn, first.action, rule, turn.state.known, Role.SYSTEM.value)


def cancel(turn: Turn, record: ActionRecord, reason: StopReason | None = None) -> None:
    """An action is not wanted any more."""
    _close(turn, record, ActionState.CANCELLED, ClockEnd.STOPPED)
    turn.requests.append(ActionCancelled(**_named(record), reason=reason))


def call_off(turn: Turn, reason: StopReason) -> None:
    """The case is not the customer's wish any more: neither is what was asked for it."""
    for record in turn.state.actions:
        if record.open:
            cancel(turn, record, reason)


def expire(turn: Turn, record: ActionRecord) -> None:
    """Nobody finished it in time."""
    _close(turn, record, ActionState.EXPIRED, ClockEnd.STOPPED)
    turn.requests.append(ActionExpired(**_named(record), expires_at=record.expires_at))


def finish(turn: Turn, record: ActionRecord) -> None:
    """It was done, in whatever state we thought it: what happened is what counts."""
    _close(turn, record, ActionState.DONE, ClockEnd.MET)


def refuse(turn: Turn, record: ActionRecord, reason: str | None) -> None:
    """It will not be done."""
    record.reason = reason
    _close(turn, record, ActionState.REFUSED, ClockEnd.STOPPED)


def _close(turn: Turn, record: ActionRecord, state: ActionState, how: ClockEnd) -> None:
    record.state, record.ended_at, record.ended_by = state, turn.at, turn.cause
    clock = turn.state.run(record.clock, record.cycle)
    if clock is not None and clock.ended_at is None:
        end(turn, clock, how)


def _named(record: ActionRecord) -> dict[str, Any]:
    return {
        "action_id": record.id,
        "action": record.action,
        "idempotency_key": str(record.id),
    }
