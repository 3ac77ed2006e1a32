"""What was found about one clock of a regime.

Owns: the frozen answer and its states.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.regime import SourceStatus, StatutoryClock, weakest


class Status(StrEnum):
    """Whether a clock exists for a complaint."""

    APPLIES = "applies"
    POSSIBLE = "possible"
    """It exists once something is done that may still be done; its date is what it would be."""
    COLLAPSED = "collapsed"
    """What it needs was not done in time: its date is that of the clock it falls to."""
    NOT_REQUIRED = "not_required"
    """It cannot exist any more, and nothing stands in its place; its date is what it would be."""
    WAITING = "waiting"
    """Nothing has happened from which it could be counted."""
    HELD = "held"
    """It stands still and nothing limits for how long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One clock of one complaint: dates are local, the instants end them (exclusive, in UTC)."""

    rule: StatutoryClock
    status: Status
    because: tuple[str, ...]
    """The arithmetic in words, line by line."""
    since: date | None = None
    """Day 0."""
    strict: date | None = None
    """The date to work to."""
    rolled: date | None = None
    """The same moved to the next working day, where the law may move it."""
    target: date | None = None
    """The last working day not after the strict date."""
    ends_at: datetime | None = None
    rolled_ends_at: datetime | None = None
    source_status: SourceStatus | None = None
    """How what counted was checked, at its weakest; None: as the clock itself."""
    provisional: bool = False
    """The date lies beyond what is known of the calendar."""
    value: bool | int | None = None
    """What a fact or an amount is; None: not known."""

    @property
    def checked(self) -> SourceStatus:
        """How everything that this rests on was checked, at its weakest."""
        given = () if self.source_status is None else (self.source_status,)
        return weakest((self.rule.source_status, *given))

    @property
    def binding(self) -> bool:
        """Whether somebody has to keep the date."""
        return self.status in {Status.APPLIES, Status.COLLAPSED} and self.strict is not None
