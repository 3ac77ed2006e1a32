"""Who holds a case: claiming it, giving it back, handing it on, acknowledging it.

Owns: these commands and their refusals; exactly one agent, or nobody, holds a case.
"""

from __future__ import annotations

from typing import assert_never

from schemas.vocabulary import HolderReason, Role
from services.escalation.core.commands import (
    Acknowledge,
    Claim,
    CommandRefusedError,
    HandOver,
    Recuse,
    RefusalReason,
    Release,
)
from services.escalation.core.holders import barred, give_to, take_back
from services.escalation.core.overdue import answer
from services.escalation.core.records import ACKNOWLEDGEMENT, Holder
from services.escalation.core.roster import KnownAgents
from services.escalation.core.turn import Turn

HoldingCommand = Claim | Release | Acknowledge | Recuse | HandOver


def hold(turn: Turn, command: HoldingCommand, agents: KnownAgents) -> None:
    """Carries one of these commands out, or raises `CommandRefusedError`."""
    match command:
        case Claim():
            _claim(turn, command, agents)
        case Release():
            _check_holds(turn, command)
            take_back(turn, HolderReason.RELEASED)
        case Acknowledge():
            _acknowledge(turn, command)
        case Recuse():
            _recuse(turn, command)
        case HandOver():
            _hand_over(turn, command, agents)
        case _:
            assert_never(command)


def _claim(turn: Turn, command: Claim, agents: KnownAgents) -> None:
    staff_number, holder = command.by.id, turn.state.place.holder
    if holder is not None and holder.staff_number == staff_number:
        return
    if holder is not None:
        raise CommandRefusedError(
            RefusalReason.ALREADY_HELD,
            "somebody holds the case already",
            holder=holder.plain(),
        )
    _check_may_hold(turn, staff_number, agents)
    name = agents.names.get(staff_number) or command.by.name
    give_to(turn, Holder(staff_number=staff_number, name=name), HolderReason.CLAIMED)


def _check_may_hold(turn: Turn, staff_number: str, agents: KnownAgents) -> None:
    state = turn.state
    if staff_number in state.recused:
        raise CommandRefusedError(RefusalReason.RECUSED, "this agent was recused from the case")
    if staff_number in state.complained_about:
        raise CommandRefusedError(
            RefusalReason.COMPLAINED_ABOUT, "the customer complains about this agent"
        )
    if staff_number in barred(state, turn.policy, state.place.rung):
        raise CommandRefusedError(
            RefusalReason.HELD_IT_BEFORE, "this rung is for people who have not had the case yet"
        )
    if staff_number in agents.absent:
        raise CommandRefusedError(RefusalReason.ABSENT, "the roster says that this agent is absent")
    if not agents.knows(staff_number):
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_AGENT, "the roster does not have this staff number"
        )


def _check_holds(turn: Turn, command: HoldingCommand) -> Holder:
    holder = turn.state.place.holder
    if holder is None:
        raise CommandRefusedError(RefusalReason.NOT_HELD, "nobody holds the case")
    if holder.staff_number != command.by.id and command.by.role is not Role.SUPERVISOR:
        raise CommandRefusedError(
            RefusalReason.NOT_HOLDER,
            "somebody else holds the case",
            holder=holder.plain(),
        )
    return holder


def _acknowledge(turn: Turn, command: Acknowledge) -> None:
    if turn.state.place.holder is not None:
        _check_holds(turn, command)
    answer(turn, ACKNOWLEDGEMENT)
    place = turn.state.place
    place.acknowledged_until = None if command.lasts is None else turn.now + command.lasts


def _recuse(turn: Turn, command: Recuse) -> None:
    holder = _check_holds(turn, command)
    turn.state.recused.append(holder.staff_number)
    take_back(turn, HolderReason.RECUSED)


def _hand_over(turn: Turn, command: HandOver, agents: KnownAgents) -> None:
    # A supervisor may give somebody a case that nobody holds.
    if turn.state.place.holder is not None or command.by.role is not Role.SUPERVISOR:
        _check_holds(turn, command)
    _check_may_hold(turn, command.to_agent, agents)
    name = agents.names.get(command.to_agent)
    holder = Holder(staff_number=command.to_agent, name=name)
    give_to(turn, holder, HolderReason.HANDED_OVER, brief=command.brief)
