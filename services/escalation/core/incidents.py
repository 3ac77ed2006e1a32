"""What an incident has answered on behalf of a case, and how unlinking the case undoes it.

Owns: the mark on clocks that only the incident answered, and restoring them; until when the pause
of the link lasts, and its end where the incident says nothing. Which events answer which clock is
the policy's to say; the pause is opened where every pause of a conversation is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from schemas.case import CaseEvent, IncidentLinked, IncidentUnlinked, IncidentUpdated
from schemas.escalation import IncidentSilent
from schemas.pack_clocks import ClockRule
from services.escalation.core.classifying import adopt
from services.escalation.core.policy import instant_after
from services.escalation.core.records import ClockEnd, ClockRecord, PauseCause, PauseRecord
from services.escalation.core.timekeeping import end, resume, tell_run
from services.escalation.core.turn import Turn


def remember(turn: Turn, event: CaseEvent, *, over: bool) -> None:
    """Which incident the case is linked to after an event; a case that is `over` is to none."""
    if isinstance(event, IncidentLinked):
        turn.state.incident = event.incident_id
    elif over or isinstance(event, IncidentUnlinked):
        turn.state.incident = None


def note_answers(turn: Turn, event: IncidentUpdated) -> None:
    """Marks the clocks that this update has just answered or restarted."""
    for record in turn.state.clocks:
        if record.ended_by == turn.cause:
            record.answered_by_incident = event.incident_id


def note_other_answers(turn: Turn, names: frozenset[str]) -> None:
    """Takes the mark off clocks that somebody else answers now, though they stand answered."""
    if not any(record.answered_by_incident for record in turn.state.clocks):
        return
    others = names - {IncidentUpdated.event_name}
    for rule in turn.policy.moved_by(turn.state.lane, others):
        record = turn.state.clock(rule.name)
        if record is not None and not others.isdisjoint(rule.stops_on):
            record.answered_by_incident = None


def silent_from(turn: Turn) -> datetime | None:
    """When an incident that is heard of now will have said nothing for too long."""
    budget = turn.policy.pack.incident.max_silence
    return None if budget is None else instant_after(turn.policy, budget, turn.at)


def fall_silent(turn: Turn, held: PauseRecord, at: datetime) -> None:
    """Ends the pause of an incident that nobody speaks for; the case stays linked."""
    if turn.state.incident is not None:
        turn.emit(IncidentSilent, incident_id=turn.state.incident, held_since=held.started_at)
    resume(turn, {PauseCause.INCIDENT}, at, IncidentSilent.event_name)


def unlink(turn: Turn, event: IncidentUnlinked) -> None:
    """Ends the pause of the link; of an incident that is not over, takes back what it answered."""
    resume(turn, {PauseCause.INCIDENT}, turn.at, event.event_name)
    if event.incident_over:
        return
    for rule in turn.policy.lane(turn.state.lane).clocks:
        runs = [run for run in turn.state.clocks if _is_of(run, rule, turn.state.episode)]
        taken_back = _taken_back(runs, event.incident_id)
        if taken_back:
            _run_again(turn, rule, *taken_back)


def _is_of(run: ClockRecord, rule: ClockRule, episode: int) -> bool:
    return run.name == rule.name and run.episode == episode


def _taken_back(runs: Sequence[ClockRecord], incident: UUID) -> Sequence[ClockRecord]:
    """The runs from the oldest on since which nobody but the incident has answered.

    The newest comes last, here as in the state. A run that was missed stays missed: all that can
    be taken back is its late answer.
    """
    first = len(runs)
    for place in reversed(range(len(runs))):
        run, newest = runs[place], place == len(runs) - 1
        if run.answered_by_incident == incident and (newest or run.end is ClockEnd.MET):
            first = place
        elif not (newest and run.runs):
            break
        if run.end is ClockEnd.MISSED:
            break
    return runs[first:]


def _run_again(turn: Turn, rule: ClockRule, run: ClockRecord, *later: ClockRecord) -> None:
    """Has a run go on from its own start, in place of those that began after it."""
    for other in later:
        other.answered_by_incident = None
        if other.runs:
            end(turn, other, ClockEnd.STOPPED)
    run.end = ClockEnd.MISSED if run.end is ClockEnd.MISSED else None
    run.ended_at = run.ended_by = run.answered_by_incident = None
    run.restored_by = turn.cause
    if run.from_opening:
        run.started_at = min(run.started_at, turn.state.started_at)
    if run.budget != rule.budget and not run.extensions:
        adopt(run, rule)  # the case changed its lane while the incident had answered
    turn.state.clocks = [*(kept for kept in turn.state.clocks if kept is not run), run]
    if run.runs:
        tell_run(turn, run)
