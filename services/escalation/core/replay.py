"""Making the decisions of a journal again, and saying where they come out differently.

Owns: the comparison of every reproduced instant, reason and event id with what was written down.
Pure: the engine that decides here is the one that decided then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID, uuid5

from schemas.actions import FOREIGN_ANSWERS
from schemas.case import CaseEvent
from schemas.topics import ESCALATIONS, event_class
from schemas.vocabulary import Role
from services.escalation.core.assigning import ORDER, ordering
from services.escalation.core.commands import COMMAND, CommandRefusedError
from services.escalation.core.engine import decide_answer, decide_command, decide_event, decide_wake
from services.escalation.core.explain import explain
from services.escalation.core.journal import Entry, Journal, Said, Triggered, TriggerKind
from services.escalation.core.obeying import carrying_out
from services.escalation.core.policy import Policy
from services.escalation.core.roster import KnownAgents
from services.escalation.core.staffing import as_written_down
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Decision, Turn


class ReplayDiffersError(ValueError):
    """The first place at which the journal and its replay differ."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """The ladder after every entry; `position` is the last event's on topic `escalations`."""

    state: LadderState
    position: int


def explain_again(journal: Journal, policy: Policy) -> dict[str, Any]:
    """The body of `GET /v1/ladders/{id}/explain`, from the journal alone.

    Raises `ReplayDiffersError`.
    """
    replayed = replay(journal, policy)
    position = f"{ESCALATIONS}:{replayed.position}"
    return {**explain(replayed.state, policy), "position": position}


def replay(journal: Journal, policy: Policy) -> Replayed:
    """Decides every entry again, in order. Raises `ReplayDiffersError`."""
    _check_pin(journal, policy)
    state: LadderState | None = None
    position = 0
    for number, entry in enumerate(journal.entries, start=1):
        try:
            decision = decide_again(journal.case_id, state, entry, policy)
        except (CommandRefusedError, ValueError) as error:
            raise ReplayDiffersError(f"entry {number} ({entry.name}): {error}") from error
        for difference in _differences(entry, decision, position):
            raise ReplayDiffersError(f"entry {number} ({entry.name}): {difference}")
        position += len(decision.events)
        state = read_state(decision.document)
    if state is None:
        raise ReplayDiffersError("the journal has no entry")
    return Replayed(state, position)


def _check_pin(journal: Journal, policy: Policy) -> None:
    if policy.digest != journal.policy.digest:
        raise ReplayDiffersError(
            f"policy digest: the journal says {journal.policy.digest}, its policy has "
            f"{policy.digest}"
        )
    ours = policy.calendar_digests()
    for name in sorted(ours.keys() | journal.calendars.keys()):
        if ours.get(name) != journal.calendars.get(name):
            raise ReplayDiffersError(
                f"calendar {name}: the journal says {journal.calendars.get(name)}, its policy has "
                f"{ours.get(name)}"
            )


def decide_again(
    case_id: UUID, state: LadderState | None, entry: Triggered, policy: Policy
) -> Decision:
    """Decides what the trigger asks for; the roster answers as was written down.

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
        )
    if state is None:
        raise ReplayDiffersError("the journal does not begin with the opening of the case")
    match entry.kind:
        case TriggerKind.WAKE:
            return _wake(state, entry, policy)
        case TriggerKind.COMMAND:
            return _command(state, entry, policy)
        case TriggerKind.ORDER:
            return _order(state, entry, policy)
        case TriggerKind.ANSWER:
            return _answer(state, entry, policy)
    assert_never(entry.kind)


def _event(entry: Triggered) -> CaseEvent:
    model = event_class(entry.name)
    if model is None or not issubclass(model, CaseEvent):
        raise ReplayDiffersError(f"{entry.name} is not an event of a case")
    return model.model_validate(entry.data)


def _wake(state: LadderState, entry: Triggered, policy: Policy) -> Decision:
    return decide_wake(
        state,
        policy,
        entry.now,
        real_now=datetime.fromisoformat(entry.data["real_now"]),
        stale=entry.data["stale"],
        lateness_ms=entry.data["lateness_ms"],
        staffing=as_written_down(entry.absent_groups),
    )


def _command(state: LadderState, entry: Triggered, policy: Policy) -> Decision:
    command = COMMAND.validate_python(entry.data["command"])
    # Whoever was named was known then: a command that was refused has no entry.
    carry_out = carrying_out(command, KnownAgents(replayed=True))
    return _ordered(state, entry, policy, carry_out, command.by.role)


def _order(state: LadderState, entry: Triggered, policy: Policy) -> Decision:
    order = ORDER.validate_python(entry.data["order"])
    return _ordered(state, entry, policy, ordering(order), Role.SYSTEM)


def _ordered(
    state: LadderState,
    entry: Triggered,
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


def _answer(state: LadderState, entry: Triggered, policy: Policy) -> Decision:
    model = FOREIGN_ANSWERS.get(entry.name)
    if model is None:
        raise ReplayDiffersError(f"{entry.name} is not an answer to an action")
    return decide_answer(
        state,
        model.model_validate({"action_id": entry.data["action_id"]}),
        answer_id=entry.trigger,
        policy=policy,
        now=entry.now,
        stale=entry.data["stale"],
        staffing=as_written_down(entry.absent_groups),
    )


def _differences(entry: Entry, decision: Decision, position: int) -> Iterator[str]:
    if decision.outcome is not entry.reason:
        yield _told("reason", entry.reason.value, decision.outcome.value)
    again = said_by(entry, decision, position)
    for said, found in zip(entry.produced, again, strict=False):
        yield from _event_differences(said, found)
    if len(again) != len(entry.produced):
        yield _told("number of events", len(entry.produced), len(again))
    if decision.wake_at != entry.wake_at:
        yield _told("wake_at", entry.wake_at, decision.wake_at)


def said_by(entry: Entry, decision: Decision, position: int) -> tuple[Said, ...]:
    """The decision's events as published; `position` is that of the last event before.

    The id of every event derives from its trigger and its place in the case's stream.
    """
    return tuple(
        Said(
            id=uuid5(entry.trigger, f"{ESCALATIONS}:{sequence}"),
            type=event.type_name(),
            sequence=sequence,
            data=event.split()[0],
        )
        for sequence, event in enumerate(decision.events, start=position + 1)
    )


def _event_differences(said: Said, found: Said) -> Iterator[str]:
    for name in ("sequence", "type", "id"):
        if getattr(said, name) != getattr(found, name):
            yield _told(f"{name} of {said.type}", getattr(said, name), getattr(found, name))
    yield from _field_differences(said, found.data)


def _field_differences(said: Said, found: Mapping[str, Any]) -> Iterator[str]:
    """Only what was said then: a later release may say more."""
    for name, value in said.data.items():
        if found.get(name) != value:
            yield _told(f"{said.type} {name}", value, found.get(name))


def _told(what: str, journal: object, again: object) -> str:
    return f"{what}: the journal says {journal}, the replay {again}"
