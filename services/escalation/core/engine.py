"""The ways in which something happens to a ladder: an event, a wake-up, a command, an answer.

Owns: the order of every decision. What was due before a trigger's own instant comes first
(design rule 7), fired rungs that it disproves are taken back (rule 8), then the trigger itself.
Pure: a state and a trigger in, a decision out. The state that comes in is used up: it becomes
the decision's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from schemas.actions import ActionAnswer
from schemas.case import CaseEvent, CaseOpened
from schemas.vocabulary import Role
from services.escalation.core.answering import take_answer
from services.escalation.core.conversation import apply_case_event
from services.escalation.core.deadlines import VISIBLE, Deadline
from services.escalation.core.firing import due_until, fire_until
from services.escalation.core.policy import Policy
from services.escalation.core.records import Place
from services.escalation.core.retraction import retract_prevented
from services.escalation.core.staffing import Staffing, everybody_is_there
from services.escalation.core.state import LadderState
from services.escalation.core.turn import Decision, Outcome, Turn


class LadderUnknownError(ValueError):
    """An event for a case whose opening was never applied."""


def open_ladder(
    case_id: UUID,
    event: CaseOpened,
    event_id: UUID,
    policy: Policy,
    now: datetime,
    staffing: Staffing = everybody_is_there,
) -> Decision:
    """Begins the ladder of a case.

    Raises `ValueError` when the case is pinned to another policy than the one at hand.
    """
    if event.policy.digest != policy.digest:
        raise ValueError(f"the case is pinned to {event.policy.digest}, not {policy.digest}")
    entry = policy.pack.ladder.entry
    group = policy.group(entry, event.category)
    state = LadderState(
        case_id=case_id,
        policy=event.policy,
        episode=event.episode,
        category=event.category,
        severity=event.severity,
        lane=event.lane,
        status=event.status,
        identity_verified=event.identity_verified,
        locale=event.locale,
        started_at=event.started_at,
        place=Place(rung=entry, visit=0, entered_at=now, owner_group=group),
    )
    turn = Turn(state, policy, now, now, event_id, event.by_role, staffing=staffing)
    apply_case_event(turn, event)
    return turn.decide(Outcome.APPLIED)


def decide_event(
    state: LadderState | None,
    event: CaseEvent,
    *,
    event_id: UUID,
    recorded_at: datetime,
    policy: Policy,
    now: datetime,
    case_id: UUID,
    staffing: Staffing = everybody_is_there,
    waiting: Sequence[Deadline] | None = None,
) -> Decision:
    """Applies the next event of a case's stream; `recorded_at` is its effective instant.

    `waiting` is what the decision before said is ahead, where nobody touched the state since.
    Raises `LadderUnknownError` for a first event that does not open the case.
    """
    if state is None:
        if not isinstance(event, CaseOpened):
            raise LadderUnknownError(f"{event.event_name} came before case.opened")
        return open_ladder(case_id, event, event_id, policy, now, staffing)
    at = min(recorded_at, now)
    turn = Turn(state, policy, now, at, event_id, event.by_role, staffing=staffing)
    state.held_since = None  # the stream speaks
    turn.expect(waiting)
    retract_prevented(turn, lambda trial: apply_case_event(trial, event))
    fire_until(turn, turn.at)
    after_end = state.stopped is not None
    apply_case_event(turn, event)
    turn.changed()
    still_stopped = after_end and state.stopped is not None
    return turn.decide(Outcome.AFTER_END if still_stopped else Outcome.APPLIED)


def decide_wake(
    state: LadderState,
    policy: Policy,
    now: datetime,
    *,
    real_now: datetime,
    stale: bool,
    lateness_ms: int,
    staffing: Staffing = everybody_is_there,
    waiting: Sequence[Deadline] | None = None,
) -> Decision:
    """Acts on what is due. While the stream is `stale`, what a customer would see is held, up to
    the pack's grace (in real time), and fires then with reason `stream_silent`.

    `waiting` is what the decision before said is ahead, where nobody touched the state since.
    """
    turn = Turn(state, policy, now, now, state.case_id, lateness_ms=lateness_ms, staffing=staffing)
    turn.expect(waiting)
    unsure = stale and any(found.kind in VISIBLE for found in due_until(turn, now, hold=False))
    hold = unsure and _holds(turn, real_now)
    turn.silent = unsure and not hold
    if not hold:
        state.held_since = None
    fire_until(turn, now, hold=hold)
    fired = Outcome.FIRED if turn.firings else Outcome.NOTHING_DUE
    return turn.decide(Outcome.HELD if hold else fired)


def _holds(turn: Turn, real_now: datetime) -> bool:
    """Whether the grace still runs; it begins with the first wake-up that had to wait."""
    since = turn.state.held_since
    if since is None:
        turn.state.held_since = since = real_now
    return real_now - since < turn.policy.pack.stale_grace


def held_until(state: LadderState, policy: Policy) -> datetime | None:
    """Real time at which held rungs fire at the latest; None when nothing is held."""
    return None if state.held_since is None else state.held_since + policy.pack.stale_grace


def decide_command(
    state: LadderState,
    carry_out: Callable[[Turn], None],
    *,
    command_id: UUID,
    by_role: Role,
    policy: Policy,
    now: datetime,
    stale: bool = False,
    staffing: Staffing = everybody_is_there,
) -> Decision:
    """Carries a command out (see `commands`) after everything due until now.

    While the stream is `stale`, what a customer would see is left to the next wake-up. Whatever
    `carry_out` raises to refuse leaves nothing behind.
    """
    turn = Turn(state, policy, now, now, command_id, by_role, staffing=staffing)
    fire_until(turn, now, hold=stale)
    carry_out(turn)
    turn.changed()
    return turn.decide(Outcome.APPLIED)


def decide_answer(
    state: LadderState,
    answer: ActionAnswer,
    *,
    answer_id: UUID,
    policy: Policy,
    now: datetime,
    stale: bool = False,
    staffing: Staffing = everybody_is_there,
) -> Decision:
    """Takes another backend's answer to an action, after everything due until now.

    Also on a ladder that stopped: what was done is remembered. Raises `UnknownActionError`.
    """
    turn = Turn(state, policy, now, now, answer_id, Role.BACKEND, staffing=staffing)
    fire_until(turn, now, hold=stale)
    changed = take_answer(turn, answer)
    turn.changed()
    return turn.decide(Outcome.APPLIED if changed else Outcome.ALREADY_ANSWERED)
