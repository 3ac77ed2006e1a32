"""Which deadlines of a case were missed and still wait for somebody to do what they were about.

Owns the difference between a missed clock that is owed and one that is over: a rung's own clocks
are answered by leaving the rung, a holder's silence by taking the case away, the run of a clock
that began anew by the next one. Derived, never stored in the state. And answering such a clock,
late as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.escalation.core.records import (
    ACKNOWLEDGEMENT,
    HOLDER_CLOCK,
    RUNG_CLOCK,
    ClockEnd,
    ClockRecord,
)
from services.escalation.core.state import LadderState
from services.escalation.core.timekeeping import end
from services.escalation.core.turn import Turn

_OF_THE_RUNG: Final = frozenset({RUNG_CLOCK, ACKNOWLEDGEMENT})


def is_owed(record: ClockRecord, state: LadderState) -> bool:
    """Whether a clock was missed and what it was about has not been done since."""
    if record.end is not ClockEnd.MISSED or record.ended_at is not None:
        return False
    if record.name == HOLDER_CLOCK or record is not state.clock(record.name):
        return False
    return record.name not in _OF_THE_RUNG or record.started_at >= state.place.entered_at


def overdue_since(state: LadderState) -> datetime | None:
    """The due instant of the earliest clock that is owed; None when nothing is, or all is over."""
    if state.stopped is not None:
        return None
    owed = (record.missed_at for record in state.clocks if is_owed(record, state))
    return min((at for at in owed if at is not None), default=None)


def answer(turn: Turn, name: str) -> None:
    """Ends the runs of a clock that go on, and the one that was missed and is owed."""
    for record in turn.state.clocks:
        if record.name == name and (record.runs or is_owed(record, turn.state)):
            end(turn, record, ClockEnd.MET)
