"""The line that a queue shows of one case, and which deadline it is sorted by.

Everything is derived from the state, nothing decided; nothing personal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.vocabulary import Category, LadderRunState, Severity
from services.escalation.core.deadlines import Deadline, DeadlineKind
from services.escalation.core.overdue import overdue_since
from services.escalation.core.records import PauseCause
from services.escalation.core.state import LadderState


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What a queue shows of one case; nothing personal."""

    owner_group: str
    holder: str | None
    next_due: datetime | None
    category: Category
    severity: Severity
    rung: str
    visit: int
    episode: int
    state: LadderRunState
    overdue_since: datetime | None


def run_state(state: LadderState) -> LadderRunState:
    """What the ladder is doing."""
    if state.stopped is not None:
        return LadderRunState.STOPPED
    if state.held_since is not None:
        return LadderRunState.HELD
    return LadderRunState.PAUSED if _stands_still(state) else LadderRunState.RUNNING


def _stands_still(state: LadderState) -> bool:
    """Whether somebody else has the move; an incident counts where it holds a clock."""
    causes = {pause.cause for pause in state.pauses if pause.ended_at is None}
    held = any(PauseCause.INCIDENT in record.pauses for record in state.running())
    return bool(causes - {PauseCause.INCIDENT}) or (PauseCause.INCIDENT in causes and held)


def queue_row(state: LadderState, waiting: Iterable[Deadline]) -> QueueRow:
    """The case as its owner group's queue lists it, by its deadlines, earliest first."""
    following = next_to_run_out(waiting)
    return QueueRow(
        owner_group=state.place.owner_group,
        holder=state.place.holder.staff_number if state.place.holder else None,
        next_due=following.at if following else None,
        category=state.category,
        severity=state.severity,
        rung=state.place.rung,
        visit=state.place.visit,
        episode=state.episode,
        state=run_state(state),
        overdue_since=overdue_since(state),
    )


def next_to_run_out(waiting: Iterable[Deadline]) -> Deadline | None:
    """The next deadline at which something runs out."""
    running_out = (DeadlineKind.CLOCK, DeadlineKind.OFFER_EXPIRES)
    return next((found for found in waiting if found.kind in running_out), None)
