"""What people read of the actions of a case: the items of `GET /v1/ladders/{id}/actions`.

Owns their shape; everything is derived from state and policy, nothing decided.
"""

from __future__ import annotations

from typing import Any

from services.escalation.core.policy import Policy
from services.escalation.core.records import ActionRecord, ClockEnd
from services.escalation.core.state import LadderState
from services.escalation.core.views import clock_view, in_zone


def action_views(state: LadderState, policy: Policy) -> list[dict[str, Any]]:
    """Every action that the case asked for, oldest first, each with its clock."""
    return [_action(record, state, policy) for record in state.actions]


def _action(record: ActionRecord, state: LadderState, policy: Policy) -> dict[str, Any]:
    run = state.run(record.clock, record.cycle)
    clock = clock_view(run, state, policy) if run else None
    return {
        "id": str(record.id),
        "action_id": str(record.id),
        "action": record.action.value,
        "state": record.state.value,
        "parameters": record.parameters,
        "idempotency_key": str(record.id),
        "requested_at": in_zone(record.requested_at, policy),
        "requested_by": record.requested_by,
        "accepted_at": in_zone(record.accepted_at, policy),
        "ended_at": in_zone(record.ended_at, policy),
        "expires_at": in_zone(record.expires_at, policy),
        "due_at": clock["due_at"] if clock else None,
        "late": run is not None and run.end is ClockEnd.MISSED,
        "clock": clock,
        "reference": record.reference,
        "reason": record.reason,
        "result": record.result,
    }
