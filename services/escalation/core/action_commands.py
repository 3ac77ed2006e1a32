"""Asking other backends for something, and calling it off: by people, within the policy.

Owns these commands and their refusals. Everything that could move money or open an account waits
for the customer's proved identity, unless the policy says otherwise for an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.pack import ActionRule
from services.escalation.core.actions import cancel, request
from services.escalation.core.commands import (
    CancelAction,
    CommandRefusedError,
    RefusalReason,
    RequestAction,
)
from services.escalation.core.records import ActionRecord
from services.escalation.core.roster import remembered_as
from services.escalation.core.turn import Turn

ActionCommand = RequestAction | CancelAction


def ask(turn: Turn, command: ActionCommand, *, replayed: bool) -> None:
    """Carries one of these commands out, or raises `CommandRefusedError`.

    What depends on private data is not checked again when a decision is `replayed`.
    """
    if isinstance(command, CancelAction):
        cancel(turn, _open_action(turn, command))
        return
    rule = _rule(turn, command)
    parameters = {**turn.state.known, **command.parameters}
    if not replayed:
        _check_needs(rule, parameters)
        _check_new(turn, command, parameters)
    request(turn, command.action, rule, parameters, remembered_as(command.by))


def _rule(turn: Turn, command: RequestAction) -> ActionRule:
    actions = turn.policy.pack.actions
    rule = actions.get(command.action)
    if rule is None:
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_ACTION,
            "the policy does not know this action",
            actions=sorted(actions),
        )
    if rule.needs_identity and not turn.state.identity_verified:
        raise CommandRefusedError(
            RefusalReason.IDENTITY_UNVERIFIED,
            "the customer must have proved who they are first: see the command verify_identity",
        )
    return rule


def _check_needs(rule: ActionRule, parameters: Mapping[str, Any]) -> None:
    missing = [name for name in rule.needs if parameters.get(name) in (None, "")]
    if missing:
        raise CommandRefusedError(
            RefusalReason.PARAMETER_MISSING,
            "the action cannot be done without it: say it in parameters",
            parameters=missing,
        )


def _check_new(turn: Turn, command: RequestAction, parameters: Mapping[str, Any]) -> None:
    for record in turn.state.actions:
        if record.open and record.action is command.action and record.parameters == parameters:
            raise CommandRefusedError(
                RefusalReason.ALREADY_REQUESTED,
                "the same was asked for already and is not answered yet",
                action_id=str(record.id),
            )


def _open_action(turn: Turn, command: CancelAction) -> ActionRecord:
    for record in turn.state.actions:
        if record.id == command.action_id:
            if record.open:
                return record
            raise CommandRefusedError(
                RefusalReason.ACTION_ENDED, f"the action is {record.state}", state=record.state
            )
    raise CommandRefusedError(RefusalReason.NO_SUCH_ACTION, "the case has no such action")
