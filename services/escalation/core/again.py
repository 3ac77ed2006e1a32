"""Making one decision of a journal again, from its trigger.

Owns the way from an entry back to the engine: events, commands and answers are read as they were
written down, the roster answers as it did, agents who were named then are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol, assert_never
from uuid import UUID

from schemas.actions import FOREIGN_ANSWERS
from schemas.case import CaseEvent
from schemas.topics import event_class
from schemas.vocabulary import Role
from services.escalation.core.assigning import ORDER, ordering
from services.escalation.core.commands import COMMAND, Migrate
from services.escalation.core.deadlines import Deadline
from services.escalation.core.engine import decide_answer, decide_command, decide_event, decide_wake
from services.escalation.core.journal import TriggerKind
from services.escalation.core.migrating import migrating
from services.escalation.core.obeying import carrying_out
from services.escalation.core.policy import Policy
from services.escalation.core.roster import KnownAgents
from services.escalation.core.staffing import as_written_down
from services.escalation.core.state import LadderState
from services.escalation.core.turn import Decision, Turn

Policies = Mapping[str, Policy]
"""By digest."""
_NONE: Final[Policies] = MappingProxyType({})


class Happened(Protocol):
    """What a decision was asked by, as the journal has it (`journal.Triggered`)."""

    @property
    def kind(self) -> TriggerKind: ...
    @property
    def trigger(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def recorded_at(self) -> datetime | None: ...
    @property
    def now(self) -> datetime: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def absent_groups(self) -> tuple[str | None, ...]: ...


class UndecidableError(ValueError):
    """An entry that is no trigger of this case."""


def decide_again(
    case_id: UUID,
    state: LadderState | None,
    entry: Happened,
    policy: Policy,
    others: Policies = _NONE,
    waiting: Sequence[Deadline] | None = None,
) -> Decision:
    """Decides what the trigger asks for under `policy`; a migration leads to one of the `others`.

    `state` is used up. Raises `CommandRefusedError`, and `ValueError` for what cannot be decided.
    """
    if entry.kind is TriggerKind.EVENT:
        return decide_event(
            state,
            _event(entry),
            event_id=entry.trigger,
            recorded_at=entry.recorded_at or entry.now,
            policy=policy,
            now=entry.now,
            case_id=case_id,
            staffing=as_written_down(entry.absent_groups),
            waiting=waiting,
        )
    if state is None:
        raise UndecidableError("the journal does not begin with the opening of the case")
    match entry.kind:
        case TriggerKind.WAKE:
            return _wake(state, entry, policy)
        case TriggerKind.COMMAND:
            return _command(state, entry, policy, others)
        case TriggerKind.ORDER:
            return _order(state, entry, policy)
        case TriggerKind.ANSWER:
            return _answer(state, entry, policy)
    assert_never(entry.kind)


def _event(entry: Happened) -> CaseEvent:
    model = event_class(entry.name)
    if model is None or not issubclass(model, CaseEvent):
        raise UndecidableError(f"{entry.name} is not an event of a case")
    return model.model_validate(entry.data)


def _wake(state: LadderState, entry: Happened, policy: Policy) -> Decision:
    return decide_wake(
        state,
        policy,
        entry.now,
        real_now=datetime.fromisoformat(entry.data["real_now"]),
        stale=entry.data["stale"],
        lateness_ms=entry.data["lateness_ms"],
        staffing=as_written_down(entry.absent_groups),
    )


def _command(state: LadderState, entry: Happened, policy: Policy, others: Policies) -> Decision:
    command = COMMAND.validate_python(entry.data["command"])
    # Whoever was named was known then, and what was migrated was simulated: a command that was
    # refused has no entry.
    if isinstance(command, Migrate):
        carry_out = migrating(command, others.get(command.to), command.simulation)
    else:
        carry_out = carrying_out(command, KnownAgents(replayed=True))
    return _ordered(state, entry, policy, carry_out, command.by.role)


def _order(state: LadderState, entry: Happened, policy: Policy) -> Decision:
    order = ORDER.validate_python(entry.data["order"])
    return _ordered(state, entry, policy, ordering(order), Role.SYSTEM)


def _ordered(
    state: LadderState,
    entry: Happened,
    policy: Policy,
    carry_out: Callable[[Turn], None],
    by_role: Role,
) -> Decision:
    return decide_command(
        state,
        carry_out,
        command_id=entry.trigger,
        by_role=by_role,
        policy=policy,
        now=entry.now,
        stale=entry.data["stale"],
        staffing=as_written_down(entry.absent_groups),
    )


def _answer(state: LadderState, entry: Happened, policy: Policy) -> Decision:
    model = FOREIGN_ANSWERS.get(entry.name)
    if model is None:
        raise UndecidableError(f"{entry.name} is not an answer to an action")
    return decide_answer(
        state,
        model.model_validate({"action_id": entry.data["action_id"]}),
        answer_id=entry.trigger,
        policy=policy,
        now=entry.now,
        stale=entry.data["stale"],
        staffing=as_written_down(entry.absent_groups),
    )
