"""What an event on `cases` means for the ladder of its case.

Owns: which event starts, restarts, answers, pauses or ends what. Never looks at deadlines: what
was due before the event has been acted upon when it comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from schemas.case import (
    CaseEvent,
    CaseOpened,
    ContactAdded,
    IncidentLinked,
    IncidentUnlinked,
    IncidentUpdated,
)
from schemas.conversation import PromiseKept, PromiseMade
from schemas.pack_clocks import AGENT_SPOKE, CUSTOMER_SPOKE, ClockRule
from schemas.vocabulary import Direction, ImportMode, Role, RungReason, Status, StopReason
from services.escalation.core.actions import request_first
from services.escalation.core.episodes import begin_episode, begin_history
from services.escalation.core.incidents import (
    note_answers,
    note_other_answers,
    remember,
    silent_from,
    unlink,
)
from services.escalation.core.knowledge import take_note
from services.escalation.core.ladder import stop
from services.escalation.core.overdue import answer
from services.escalation.core.records import (
    HOLDER_CLOCK,
    PROMISE_PREFIX,
    ClockEnd,
    ClockRecord,
    PauseCause,
    PauseRecord,
)
from services.escalation.core.roster import remembered_as
from services.escalation.core.statutory import keep_statutes
from services.escalation.core.timekeeping import (
    end,
    move_start,
    pause,
    restart,
    resume,
    start_promise,
    start_rule,
)
from services.escalation.core.turn import Turn

_SPOKEN: Final = frozenset(
    {"customer.replied_to", "customer.asked", "promise.made", "case.resolved"}
)
_HEARD: Final = frozenset({"customer.answered", "evidence.added", "facts.added"})
_EPISODES: Final = frozenset({"case.opened", "case.reopened"})
_MAY_NEED_ACTION: Final = frozenset({*_EPISODES, "case.classified", "identity.verified"})
_ENDINGS: Final[Mapping[Status, StopReason]] = {
    Status.RESOLVED: StopReason.RESOLVED,
    Status.CLOSED: StopReason.CLOSED,
    Status.WITHDRAWN: StopReason.WITHDRAWN,
    Status.MERGED: StopReason.MERGED,
}
_WAITING: Final[Mapping[Status, PauseCause]] = {
    Status.WAITING_CUSTOMER: PauseCause.WAITING_CUSTOMER,
    Status.WAITING_THIRD_PARTY: PauseCause.WAITING_THIRD_PARTY,
}


def apply_case_event(turn: Turn, event: CaseEvent) -> None:
    """Carries one event out on the turn."""
    name = event.event_name
    turn.state.status = event.status
    take_note(turn, event)
    remember(turn, event, over=event.status in _ENDINGS)
    if isinstance(event, CaseOpened):
        _open(turn, event)
    elif name == "case.reopened":
        _reopen(turn, event)
    if turn.state.stopped is None:
        _keep_time(turn, event)
    if turn.state.stopped is None:
        keep_statutes(turn, turn.at)
    if turn.state.stopped is None and name in _MAY_NEED_ACTION:
        request_first(turn, turn.state.lane)


def _open(turn: Turn, event: CaseOpened) -> None:
    turn.state.import_mode = event.import_mode
    _receive(turn, event.started_at)
    if event.import_mode is ImportMode.HISTORICAL:
        begin_history(turn, event.started_at)
        return
    consumed = event.consumed if event.import_mode is ImportMode.RESUME else None
    begin_episode(turn, event.event_name, event.started_at, RungReason.OPENED, consumed)


def _reopen(turn: Turn, event: CaseEvent) -> None:
    if turn.state.stopped is None:
        return
    turn.state.episode = max(event.episode, turn.state.episode + 1)
    begin_episode(turn, event.event_name, turn.at, RungReason.REOPENED)


def _keep_time(turn: Turn, event: CaseEvent) -> None:
    """Clocks in the order: started earlier, resumed, answered, begun, then paused or ended."""
    if isinstance(event, ContactAdded):
        turn.state.started_at = min(turn.state.started_at, event.started_at)
        _receive(turn, event.started_at)
        move_start(turn, event.started_at)
    names = _names(event)
    ending = _ENDINGS.get(event.status)
    waiting = _WAITING.get(event.status)
    if ending is None:
        resume(turn, set(_WAITING.values()) - {waiting}, turn.at, event.event_name)
    note_other_answers(turn, names)
    _answer_clocks(turn, names, restarts=ending is None)
    _keep_account(turn, event, runs=ending is None)
    if ending is None:
        _wait(turn, waiting, event)
    else:
        stop(turn, ending)


def _keep_account(turn: Turn, event: CaseEvent, *, runs: bool) -> None:
    """Promises made and kept, and what an incident does to the clocks."""
    match event:
        case PromiseMade() if runs:
            start_promise(turn, event.promise_id, event.by_when)
        case PromiseKept():
            answer(turn, f"{PROMISE_PREFIX}{event.promise_id}")
        case IncidentLinked() if runs:
            _wait(turn, PauseCause.INCIDENT, event)
        case IncidentUpdated():
            note_answers(turn, event)
            if runs and turn.state.incident == event.incident_id:
                _wait(turn, PauseCause.INCIDENT, event)
        case IncidentUnlinked():
            unlink(turn, event)
        case _:
            pass


def _receive(turn: Turn, at: datetime) -> None:
    turn.state.received_at = min(turn.state.received_at or turn.state.started_at, at)


def _names(event: CaseEvent) -> frozenset[str]:
    """The event's name, and the words for an agent or the customer having spoken."""
    name = event.event_name
    direction = event.direction if isinstance(event, ContactAdded) else None
    by_customer = event.by_role is Role.CUSTOMER or name == "customer.answered"
    if direction is Direction.OUTBOUND or name in _SPOKEN:
        return frozenset({name, AGENT_SPOKE})
    if direction is Direction.INBOUND or (by_customer and name in _HEARD):
        return frozenset({name, CUSTOMER_SPOKE})
    return frozenset({name})


def _answer_clocks(turn: Turn, names: frozenset[str], *, restarts: bool) -> None:
    if restarts and AGENT_SPOKE in names:
        _hear_holder(turn)
    for rule in turn.policy.moved_by(turn.state.lane, names):
        record = turn.state.clock(rule.name)
        if record is None:
            if restarts and not names.isdisjoint(rule.starts_on):
                start_rule(turn, rule, turn.at)
        elif record.ended_at is None and not names.isdisjoint(rule.stops_on):
            end(turn, record, ClockEnd.MET)
        elif _starts_again(rule, record, names) and restarts:
            start_rule(turn, rule, turn.at)
        elif restarts and not names.isdisjoint(rule.restarts_on):
            restart(turn, record, turn.at)


def _hear_holder(turn: Turn) -> None:
    """The holder is not silent: what they may be silent for runs anew."""
    record = turn.state.clock(HOLDER_CLOCK)
    if record is not None and record.runs:
        restart(turn, record, turn.at)


def _starts_again(rule: ClockRule, record: ClockRecord, names: frozenset[str]) -> bool:
    """Whether an answered clock is owed anew; an episode starts its clocks itself."""
    return record.ended_at is not None and not (names - _EPISODES).isdisjoint(rule.starts_on)


def _wait(turn: Turn, cause: PauseCause | None, event: CaseEvent) -> None:
    """Opens the pause that fits whose move it is, or prolongs that of an incident that speaks."""
    if cause is None:
        return
    until = silent_from(turn) if cause is PauseCause.INCIDENT else None
    goes_on = turn.state.open_pause(cause)
    if goes_on is not None:
        goes_on.until = until
        return
    actor = remembered_as(event.by) if event.by else event.by_role.value
    record = PauseRecord(
        cause=cause,
        episode=turn.state.episode,
        started_at=turn.at,
        started_by=turn.cause,
        until=until,
        actor=actor,
    )
    pause(turn, record)
