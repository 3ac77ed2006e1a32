"""Whether a condition of a regime holds for a complaint: yes, no, or still open.

Owns: what each form of a condition means. Never derives a date: it asks for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from schemas.regime import Condition
from services.escalation.core.statutes.finding import Finding
from services.escalation.core.statutes.story import Story


class Truth(IntEnum):
    """Ordered, so that `all_of` is the least and `any_of` the greatest."""

    NO = 0
    OPEN = 1
    """What would decide it may still be done."""
    YES = 2


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges conditions over one story; `finding` derives the clock of a name."""

    story: Story
    finding: Callable[[str], Finding]

    def truth(self, condition: Condition | None, *, settled: bool) -> Truth:
        """With `settled`, what was not done until now counts as not done."""
        if condition is None:
            return Truth.YES
        return self._single(condition, settled)

    def _single(self, condition: Condition, settled: bool) -> Truth:
        if condition.fact is not None:
            return _yes(self.story.facts.get(condition.fact) in condition.one_of)
        if condition.act is not None:
            return _opened(self._done(condition.act, condition.by), settled=settled)
        if condition.date is not None:
            return _yes(self._within(condition))
        if condition.verdict is not None:
            value = self.finding(condition.verdict).value
            return Truth.OPEN if value is None else _yes(value in condition.one_of)
        return self._combined(condition, settled)

    def _combined(self, condition: Condition, settled: bool) -> Truth:
        if condition.all_of:
            return min(self.truth(each, settled=settled) for each in condition.all_of)
        if condition.any_of:
            return max(self.truth(each, settled=settled) for each in condition.any_of)
        return Truth(2 - max(self.truth(each, settled=settled) for each in condition.none_of))

    def _done(self, act: str, by: str | None) -> Truth | None:
        """None where it was not done, but may still be."""
        times = self.story.times(act)
        if by is None:
            return Truth.YES if times else None
        end = self.finding(by).ends_at
        if end is None:
            return Truth.OPEN
        if times:
            return _yes(times[0] < end)
        return Truth.NO if self._passed(end) else None

    def _passed(self, end: datetime) -> bool:
        return self.story.as_of is not None and self.story.as_of >= end

    def _within(self, condition: Condition) -> bool:
        day = self.story.date_of(condition.date or "")
        after = self.story.date_of(condition.after or "")
        if day is None or after is None:
            return False
        return 0 <= (day - after).days <= (condition.within_days or 0)


def _yes(value: bool) -> Truth:
    return Truth.YES if value else Truth.NO


def _opened(found: Truth | None, *, settled: bool) -> Truth:
    if found is not None:
        return found
    return Truth.NO if settled else Truth.OPEN
