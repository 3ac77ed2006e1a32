"""Starting, ending, pausing and resuming the clocks of a case, each with its event.

Owns: the ledger of pauses and the runs of clocks in the state. Never moves the case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from schemas.escalation import ClockPaused, ClockResumed, ClockStarted, ClockStopped
from schemas.pack_clocks import Budget, ClockRule
from services.escalation.core.deadlines import due_of, is_paused
from services.escalation.core.policy import clock_budget
from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    HOLDER_CLOCK,
    PROMISE_PREFIX,
    RUNG_CLOCK,
    ClockEnd,
    ClockRecord,
    PauseCause,
    PauseRecord,
)
from services.escalation.core.turn import Turn

RUNG_CLOCKS: Final = frozenset({RUNG_CLOCK, ACKNOWLEDGEMENT, HOLDER_CLOCK})
"""The clocks that end when the case leaves its rung."""
EVERY_CAUSE: Final = tuple(cause.value for cause in PauseCause)
KEPT_CYCLES: Final = 12
"""Ended runs of one clock that the document keeps; older ones are counted and lie in the log."""


def start_rule(
    turn: Turn,
    rule: ClockRule,
    at: datetime,
    *,
    from_opening: bool = False,
    consumed: timedelta = timedelta(0),
) -> None:
    """Starts a clock of the lane; `consumed` of its budget was used up elsewhere before."""
    begin(
        turn,
        ClockRecord(
            name=rule.name,
            kind=rule.kind,
            episode=turn.state.episode,
            started_at=at,
            started_by=turn.cause,
            from_opening=from_opening,
            budget=rule.budget,
            consumed=consumed,
            end_rule=rule.end,
            roll=rule.roll,
            pauses=rule.pauses,
            warn_at_percent=rule.warn_at_percent,
            promised_to_customer=rule.promised_to_customer,
        ),
    )


def start_rung_clock(turn: Turn, name: str, budget: Budget | None) -> None:
    """Starts the rung's own clock, or its acknowledgement, when the rung has one.

    Its budget counts from now: when the rung is really entered (design rule 7).
    """
    if budget is None:
        return
    record = ClockRecord(
        name=name,
        kind="service",
        episode=turn.state.episode,
        started_at=turn.now,
        started_by=turn.cause,
        budget=budget,
        pauses=EVERY_CAUSE,
    )
    begin(turn, record)


def start_action_clock(turn: Turn, name: str, budget: Budget) -> ClockRecord:
    """Starts the clock of an action; nothing pauses it, for another backend has the move."""
    record = ClockRecord(
        name=name,
        kind="service",
        episode=turn.state.episode,
        started_at=turn.at,
        started_by=turn.cause,
        budget=budget,
    )
    begin(turn, record)
    return record


def start_promise(turn: Turn, promise: UUID, by_when: datetime) -> None:
    """Starts the clock of a promise that an agent made."""
    record = ClockRecord(
        name=f"{PROMISE_PREFIX}{promise}",
        kind="promise",
        episode=turn.state.episode,
        started_at=turn.at,
        started_by=turn.cause,
        by_when=by_when,
        promised_to_customer=True,
    )
    begin(turn, record)


def restart(turn: Turn, old: ClockRecord, at: datetime) -> None:
    """Ends a run, if it still runs, and begins the next one with the same budget."""
    if old.runs:
        end(turn, old, ClockEnd.MET)
    rule = turn.policy.clock_rule(turn.state.lane, old.name)
    fresh = old.model_copy(
        update={
            "budget": rule.budget if rule else old.budget,
            "consumed": timedelta(0),
            "extensions": (),
            "started_at": at,
            "started_by": turn.cause,
            "from_opening": False,
            "warned": (),
            "missed_at": None,
            "ended_at": None,
            "ended_by": None,
            "end": None,
            "answered_by_incident": None,
            "restored_by": None,
        }
    )
    begin(turn, fresh)


def begin(turn: Turn, record: ClockRecord) -> None:
    """Begins a run of a clock, and says so."""
    # Runs are numbered over all episodes, so that a number names one run of the case.
    record.cycle = max((run.cycle for run in _runs(turn, record.name)), default=0) + 1
    turn.state.clocks.append(record)
    _drop_oldest(turn, record.name)
    tell_run(turn, record)


def tell_run(turn: Turn, record: ClockRecord) -> None:
    """Says that a clock runs, or begins to run and stands still at once."""
    announce(turn, record)
    if is_paused(record, turn.state):
        turn.emit(ClockPaused, **_named(turn, record), reason=_cause_of(turn, record))


def announce(turn: Turn, record: ClockRecord) -> None:
    """Says that a clock runs, from when and until when (again, when its start moved)."""
    budget = clock_budget(record.budget) if record.budget else None
    rule = turn.policy.clock_rule(turn.state.lane, record.name)
    turn.emit(
        ClockStarted,
        **_named(turn, record),
        started_at=record.started_at,
        budget=budget.to_text() if budget else "",
        unit=budget.unit.value if budget else "instant",
        citation=rule.citation if rule else None,
    )


def end(turn: Turn, record: ClockRecord, how: ClockEnd) -> None:
    """Ends a clock that runs, or answers one that was missed."""
    record.ended_at = max(turn.at, record.started_at)
    record.ended_by = turn.cause
    missed = record.end is ClockEnd.MISSED
    record.end = ClockEnd.MISSED if missed else how
    turn.emit(ClockStopped, **_named(turn, record), met=not missed, stopped_at=record.ended_at)


def end_where(turn: Turn, wanted: Callable[[ClockRecord], bool], how: ClockEnd) -> None:
    """Ends every running clock of this sort."""
    for record in turn.state.running():
        if wanted(record):
            end(turn, record, how)


def pause(turn: Turn, record: PauseRecord, text: str | None = None) -> None:
    """Opens a pause; the clocks that honour its cause stand still."""
    held = {id(clock) for clock in turn.state.running() if is_paused(clock, turn.state)}
    turn.state.pauses.append(record)
    for clock in turn.state.running():
        if is_paused(clock, turn.state) and id(clock) not in held:
            turn.emit(ClockPaused, **_named(turn, clock), reason=record.cause.value, text=text)


def resume(turn: Turn, causes: Collection[PauseCause], at: datetime, reason: str) -> None:
    """Ends the pauses of these causes; clocks that nothing else holds run again."""
    ending = [
        pause for pause in turn.state.pauses if pause.ended_at is None and pause.cause in causes
    ]
    if not ending:
        return
    held = [clock for clock in turn.state.running() if is_paused(clock, turn.state)]
    for record in ending:
        record.ended_at = max(at, record.started_at)
        record.ended_by = turn.cause
    for clock in held:
        if not is_paused(clock, turn.state):
            turn.emit(ClockResumed, **_named(turn, clock), reason=reason)


def move_start(turn: Turn, started_at: datetime) -> None:
    """Moves the clocks that began with the case back to an earlier contact."""
    for record in turn.state.running():
        if record.from_opening and started_at < record.started_at:
            record.started_at = started_at
            announce(turn, record)


def _named(turn: Turn, record: ClockRecord) -> dict[str, object]:
    return {
        "clock": record.name,
        "kind": record.kind,
        "due_at": due_of(record, turn.state, turn.policy).at,
    }


def _cause_of(turn: Turn, record: ClockRecord) -> str:
    causes = (
        pause.cause.value
        for pause in turn.state.pauses
        if pause.ended_at is None and pause.cause in record.pauses
    )
    return next(causes)


def _drop_oldest(turn: Turn, name: str) -> None:
    ended = [record for record in _runs(turn, name) if not record.runs]
    # The first run that the incident answered is what unlinking brings back.
    incident = turn.state.incident
    kept = next((run for run in ended if incident and run.answered_by_incident == incident), None)
    for record in ended[:-KEPT_CYCLES]:
        if record is kept:
            continue
        turn.state.clocks.remove(record)
        dropped = turn.state.dropped_cycles
        dropped[name] = dropped.get(name, 0) + 1


def _runs(turn: Turn, name: str) -> Iterable[ClockRecord]:
    return (record for record in turn.state.clocks if record.name == name)
