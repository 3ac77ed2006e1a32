"""Two courses of one case held against each other: earlier, later, never, new.

Owns what counts as the same step: the first arrival at a rung in an episode, by entry or by offer.
Beginnings do not count, for they are no escalation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.escalation.core.rehearsal.course import Course


class Verdict(StrEnum):
    """What a changed policy does to one escalation."""

    SAME = "same"
    EARLIER = "earlier"
    LATER = "later"
    NEVER = "never"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Difference:
    """One escalation under both policies. `before` None: new; `after` None: never."""

    episode: int
    rung: str
    before: datetime | None
    after: datetime | None

    @property
    def verdict(self) -> Verdict:
        """What became of it."""
        if self.before is None:
            return Verdict.NEW
        if self.after is None:
            return Verdict.NEVER
        if self.after == self.before:
            return Verdict.SAME
        return Verdict.EARLIER if self.after < self.before else Verdict.LATER

    @property
    def shift(self) -> timedelta | None:
        """How much later (negative: earlier); None where there is nothing to compare with."""
        return None if self.before is None or self.after is None else self.after - self.before


def differences(before: Course, after: Course) -> list[Difference]:
    """Every escalation of either course, in the order of the old one, then the new ones."""
    old, new = _arrivals(before), _arrivals(after)
    keys = [*old, *(key for key in new if key not in old)]
    return [Difference(*key, old.get(key), new.get(key)) for key in keys]


def _arrivals(course: Course) -> dict[tuple[int, str], datetime]:
    found: dict[tuple[int, str], datetime] = {}
    for step in course.steps:
        if step.escalation:
            found.setdefault((step.episode, step.rung), step.at)
    return found
