"""Stopping a case's clocks for a while, and giving one more time: always within a bound.

Owns these commands and their refusals. An agent's pause ends by itself, at the latest at the cap.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from schemas.pack_clocks import Budget
from services.escalation.core.commands import (
    CommandRefusedError,
    Extend,
    Pause,
    RefusalReason,
    Resume,
)
from services.escalation.core.records import (
    ClockEnd,
    ClockRecord,
    ExtensionRecord,
    PauseCause,
    PauseRecord,
)
from services.escalation.core.timekeeping import announce, pause, resume
from services.escalation.core.turn import Turn

ClockCommand = Pause | Resume | Extend


def keep_time(turn: Turn, command: ClockCommand) -> None:
    """Carries one of these commands out, or raises `CommandRefusedError`."""
    match command:
        case Pause():
            _pause(turn, command)
        case Resume():
            _resume(turn)
        case Extend():
            _extend(turn, command)
        case _:
            assert_never(command)


def _pause(turn: Turn, command: Pause) -> None:
    state = turn.state
    if state.open_pause(PauseCause.AGENT) is not None:
        raise CommandRefusedError(RefusalReason.ALREADY_PAUSED, "an agent paused it already")
    latest = turn.now + _pause_left(turn)
    until = command.until or latest
    if latest <= turn.now or until > latest:
        raise CommandRefusedError(
            RefusalReason.PAUSE_CAP_REACHED,
            "agents may not stop the clocks of a case for so long",
            latest_until=latest.isoformat(),
        )
    if until <= turn.now:
        raise CommandRefusedError(RefusalReason.NOT_PAUSED, "the pause would be over already")
    record = PauseRecord(
        cause=PauseCause.AGENT,
        episode=state.episode,
        started_at=turn.now,
        started_by=turn.cause,
        until=until,
        actor=command.by.id,
        text=command.reason,
    )
    pause(turn, record, text=command.reason)


def _pause_left(turn: Turn) -> timedelta:
    """Elapsed time for which agents may still pause the case in this episode."""
    used = sum(
        (
            pause.ended_at - pause.started_at
            for pause in turn.state.pauses
            if pause.cause is PauseCause.AGENT
            and pause.episode == turn.state.episode
            and pause.ended_at is not None
        ),
        timedelta(0),
    )
    return turn.policy.pack.pauses.cap - used


def _resume(turn: Turn) -> None:
    if turn.state.open_pause(PauseCause.AGENT) is None:
        raise CommandRefusedError(RefusalReason.NOT_PAUSED, "no agent has paused the case")
    resume(turn, {PauseCause.AGENT}, turn.now, "agent_resumed")


def _extend(turn: Turn, command: Extend) -> None:
    """Adds the time, or raises `CommandRefusedError`."""
    record, granted = _extensible(turn, command)
    added = ExtensionRecord(
        at=turn.now,
        by=command.by_duration,
        reason=command.reason,
        actor=command.by.id,
        approver=command.approver,
        cause=turn.cause,
    )
    record.budget = granted
    record.extensions = (*record.extensions, added)
    announce(turn, record)


def _extensible(turn: Turn, command: Extend) -> tuple[ClockRecord, Budget]:
    """The clock and its budget with the extension."""
    record = turn.state.clock(command.clock)
    if record is None:
        names = sorted({clock.name for clock in turn.state.running()})
        raise CommandRefusedError(
            RefusalReason.UNKNOWN_CLOCK, "the case has no such clock", clocks=names
        )
    if record.end is ClockEnd.MISSED:
        raise CommandRefusedError(RefusalReason.AFTER_DUE, "the clock has run out already")
    if record.end is not None:
        raise CommandRefusedError(RefusalReason.CLOCK_ENDED, "the clock has ended")
    rule = turn.policy.clock_rule(turn.state.lane, record.name)
    most = rule.extension_max if rule is not None else None
    wanted = sum((given.by for given in record.extensions), command.by_duration)
    if record.budget is None or most is None or wanted > _as_time(most):
        raise CommandRefusedError(
            RefusalReason.EXTENSION_BOUND,
            "the policy does not let this clock be extended so far",
            most=most.model_dump(mode="json") if most is not None else None,
        )
    return record, _longer(record.budget, command.by_duration)


_DAYS: Final = {"weeks": 7, "months": 30}
"""How many days of a `by_duration` make one of a unit that counts dates; else one."""


def _as_time(budget: Budget) -> timedelta:
    """An amount to compare extensions by: a day of any unit that counts days is 24 hours."""
    if isinstance(budget.amount, timedelta):
        return budget.amount
    return timedelta(days=budget.amount * _DAYS.get(budget.unit, 1))


def _longer(budget: Budget, by: timedelta) -> Budget:
    amount = budget.amount
    if isinstance(amount, timedelta):
        return budget.model_copy(update={"amount": amount + by})
    more, rest = divmod(by, timedelta(days=_DAYS.get(budget.unit, 1)))
    if rest:
        raise CommandRefusedError(
            RefusalReason.EXTENSION_UNIT, f"the clock counts whole {budget.unit}", unit=budget.unit
        )
    return budget.model_copy(update={"amount": amount + more})
