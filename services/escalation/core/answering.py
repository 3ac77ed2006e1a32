"""What another backend's answer to an action does to the ladder.

Owns: which answers still change something, and the rung of a refused action. An answer that comes
twice changes nothing; that something was done counts even after it expired or was called off.
"""

from __future__ import annotations

from schemas.actions import ActionAccepted, ActionAnswer, ActionDone, ActionRefused
from schemas.vocabulary import ActionState, RungReason
from services.escalation.core.actions import finish, refuse
from services.escalation.core.climbing import climb
from services.escalation.core.records import ActionRecord
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why


class UnknownActionError(ValueError):
    """An answer to an action that the case has never asked for."""


def take_answer(turn: Turn, answer: ActionAnswer) -> bool:
    """Carries an answer out; answers whether it changed anything. Raises `UnknownActionError`."""
    found = (record for record in turn.state.actions if record.id == answer.action_id)
    record = next(found, None)
    if record is None:
        raise UnknownActionError("the case has no such action")
    if not _counts(record, answer):
        return False
    record.reference = answer.reference or record.reference
    match answer:
        case ActionAccepted():
            record.state, record.accepted_at = ActionState.ACCEPTED, turn.at
        case ActionDone():
            record.result = answer.result
            finish(turn, record)
        case ActionRefused():
            refuse(turn, record, answer.reason)
            _climb_for(turn, record)
    return True


def _counts(record: ActionRecord, answer: ActionAnswer) -> bool:
    if isinstance(answer, ActionAccepted):
        return record.state is ActionState.REQUESTED
    if isinstance(answer, ActionRefused):
        return record.open
    return record.state is not ActionState.DONE


def _climb_for(turn: Turn, record: ActionRecord) -> None:
    rule = turn.policy.pack.actions.get(record.action)
    target = rule.refused_to if rule else None
    if turn.state.stopped is not None or target is None:
        return
    height = turn.policy.height
    if height[target] > height[turn.state.place.rung]:
        climb(turn, target, Why(RungReason.ACTION_REFUSED))
