"""What many rehearsed cases come to: counts that can be added up, and a few cases as examples.

Owns the adding up. A tally's size does not grow with the number of cases: shifts are kept as
counts per bound, loads per (rung, group, weekday, hour), and examples up to a fixed number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from services.escalation.core.rehearsal.comparison import Difference, Verdict
from services.escalation.core.rehearsal.course import Audience, Course

KEPT_EXAMPLES: Final = 5
SHIFT_BOUNDS: Final = tuple(
    timedelta(hours=hours) for hours in (1 / 60, 0.25, 1, 4, 8, 24, 72, 168, 720)
)
"""Upper bounds of how far an escalation moves; what moves further is counted beyond the last."""


class Load(NamedTuple):
    """Where and when a case arrives: the hour is local to the policy's zone."""

    rung: str
    group: str
    weekday: int
    hour: int


@dataclass(slots=True)
class Side:
    """What one policy leads to, over all cases."""

    loads: Counter[Load] = field(default_factory=Counter)
    messages: Counter[Audience] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, course: Course, zone: ZoneInfo) -> None:
        """Count one case."""
        for step in course.steps:
            local = step.at.astimezone(zone)
            self.loads[Load(step.rung, step.group, local.weekday(), local.hour)] += 1
        self.messages.update(course.messages)
        self.missed.update(course.missed)
        self.refused.update(course.refused)

    def join(self, other: Side) -> None:
        """Count what another process counted."""
        self.loads.update(other.loads)
        self.messages.update(other.messages)
        self.missed.update(other.missed)
        self.refused.update(other.refused)


@dataclass(slots=True)
class Tally:
    """Both policies over all cases, and what became of every escalation."""

    cases: int = 0
    changed: int = 0
    old: Side = field(default_factory=Side)
    new: Side = field(default_factory=Side)
    verdicts: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    """By rung."""
    shifts: Counter[tuple[str, Verdict, int]] = field(default_factory=Counter)
    """By rung and place of the first bound that holds."""
    examples: dict[tuple[str, Verdict], list[UUID]] = field(default_factory=dict)
    unplayable: Counter[str] = field(default_factory=Counter)
    """Histories that could not be played, by their reason."""
    given_up: list[str] = field(default_factory=list)
    """Some of these, each with its line."""

    def add(
        self,
        case_id: UUID,
        before: Course,
        after: Course,
        found: Iterable[Difference],
        zone: ZoneInfo,
    ) -> None:
        """Count one case under both policies."""
        self.cases += 1
        self.changed += before != after
        self.old.add(before, zone)
        self.new.add(after, zone)
        for difference in found:
            self._count(case_id, difference)

    def give_up(self, line: int, why: str) -> None:
        """Count a history that could not be played."""
        self.unplayable[why] += 1
        if len(self.given_up) < KEPT_EXAMPLES:
            self.given_up.append(f"line {line}: {why}")

    def _count(self, case_id: UUID, difference: Difference) -> None:
        key = (difference.rung, difference.verdict)
        self.verdicts[key] += 1
        if difference.verdict is Verdict.SAME:
            return
        kept = self.examples.setdefault(key, [])
        if len(kept) < KEPT_EXAMPLES and case_id not in kept:
            kept.append(case_id)
        if difference.shift is not None:
            self.shifts[(*key, _bound(abs(difference.shift)))] += 1

    def join(self, other: Tally) -> None:
        """Count what another process counted."""
        self.cases += other.cases
        self.changed += other.changed
        self.old.join(other.old)
        self.new.join(other.new)
        self.verdicts.update(other.verdicts)
        self.shifts.update(other.shifts)
        self.unplayable.update(other.unplayable)
        self.given_up.extend(other.given_up[: KEPT_EXAMPLES - len(self.given_up)])
        for key, cases in other.examples.items():
            kept = self.examples.setdefault(key, [])
            kept.extend(cases[: KEPT_EXAMPLES - len(kept)])

    def total(self, verdict: Verdict) -> int:
        """Escalations with this verdict, over all rungs."""
        return sum(count for (_, found), count in self.verdicts.items() if found is verdict)


def _bound(shift: timedelta) -> int:
    return next((i for i, bound in enumerate(SHIFT_BOUNDS) if shift <= bound), len(SHIFT_BOUNDS))


def hours_of(loads: Counter[Load]) -> Counter[tuple[str, str, int]]:
    """Loads by rung, group and hour of the day."""
    found: Counter[tuple[str, str, int]] = Counter()
    for load, count in loads.items():
        found[(load.rung, load.group, load.hour)] += count
    return found
