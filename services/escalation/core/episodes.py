"""The beginning of a ladder: an opening, a reopening, or a case that comes from another system.

Owns: which clocks run from when. A case whose import is `historical` gets none; one that resumes
brings along how much of each budget is used up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.escalation import LadderStarted
from schemas.pack_clocks import resumable
from schemas.vocabulary import HolderReason, RungReason, StopReason
from services.escalation.core.climbing import rungs_from, say_nobody, staffed_rung
from services.escalation.core.holders import left_behind
from services.escalation.core.ladder import entered, stand_on, stop
from services.escalation.core.records import RungRecord
from services.escalation.core.timekeeping import start_rule
from services.escalation.core.turn import Turn
from services.escalation.core.undo import Why


def begin_episode(
    turn: Turn,
    trigger: str,
    started_at: datetime,
    reason: RungReason,
    consumed: Mapping[str, timedelta] | None = None,
) -> None:
    """Starts the ladder of an opening or reopening: the entry rung, then the lane's clocks.

    `consumed` is there for a case that ran elsewhere before: what was used up of each budget.
    """
    state = turn.state
    state.visits, state.undos = {}, []
    state.started_at = started_at
    state.stopped = state.stopped_at = state.held_since = None
    place, holder = _entry(turn, reason), state.place.holder
    stand_on(turn, place.rung)
    turn.emit(LadderStarted, policy=state.policy, started_at=started_at, reason=reason)
    left_behind(turn, holder, HolderReason.RUNG_LEFT)
    say_nobody(turn, place.why.passed)
    entered(turn, None, place.why)
    for rule in turn.policy.lane(state.lane).clocks:
        if trigger not in rule.starts_on:
            continue
        if consumed is not None and resumable(rule):
            start_rule(turn, rule, turn.now, consumed=consumed.get(rule.name, timedelta(0)))
        else:
            start_rule(turn, rule, started_at, from_opening=reason is RungReason.OPENED)


@dataclass(frozen=True, slots=True)
class _Entry:
    rung: str
    why: Why


def _entry(turn: Turn, reason: RungReason) -> _Entry:
    """The rung of the pack, or a higher one: for the case's severity, or where anybody is."""
    ladder, height = turn.policy.pack.ladder, turn.policy.height
    usual = ladder.entry if reason is RungReason.OPENED else ladder.reopen_entry
    severe = ladder.entry_by_severity.get(turn.state.severity, usual)
    wanted = max(usual, severe, key=lambda rung: height[rung])
    rung, passed = staffed_rung(turn, rungs_from(turn, wanted))
    if rung.name != wanted:
        reason = RungReason.NOBODY_AVAILABLE
    elif wanted != usual:
        reason = RungReason.SEVERITY_RAISED
    return _Entry(rung.name, Why(reason, passed=passed))


def begin_history(turn: Turn, started_at: datetime) -> None:
    """The ladder of a case that is over as far as clocks go: it shows the case, and stands still.

    Only a reopening gives it clocks.
    """
    state, entry = turn.state, turn.policy.pack.ladder.entry
    stand_on(turn, entry)
    state.place.entered_at = started_at
    record = RungRecord(
        episode=state.episode,
        rung=entry,
        visit=state.place.visit,
        side=turn.policy.rungs[entry].side,
        entered_at=started_at,
        reason=RungReason.IMPORTED,
        cause=turn.cause,
        by_role=turn.by_role,
    )
    state.history.append(record)
    turn.emit(LadderStarted, policy=state.policy, started_at=started_at, reason=RungReason.IMPORTED)
    stop(turn, StopReason.IMPORTED)
