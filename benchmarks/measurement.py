"""What a measurement is: samples of ours beside samples of a baseline, and the goal, if any.

Pure. Never holds a number that was not measured: a row without samples cannot be made.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way is good."""

    HIGHER = "higher"
    LOWER = "lower"


class NotMeasured(RuntimeError):
    """What was to be measured could not be; says why."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The values of several repetitions, in one unit."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise NotMeasured("no samples")

    @classmethod
    def of(cls, values: Iterable[float]) -> Samples:
        """Samples of some values. Raises `NotMeasured` without any."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)

    def text(self) -> str:
        """Median, and the lowest and highest where there are several: `12.3 (11.9-14.0)`."""
        if len(self.values) == 1:
            return shown(self.median)
        return f"{shown(self.median)} ({shown(min(self.values))}-{shown(max(self.values))})"


def percentile(samples: Samples, percent: int) -> Samples:
    """The value below which so many percent of the samples lie (nearest rank)."""
    ordered = sorted(samples.values)
    rank = -(-len(ordered) * percent // 100)
    return Samples.of([ordered[max(0, rank - 1)]])


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `goal` is in `unit`."""

    what: str
    unit: str
    ours: Samples
    baseline_name: str
    baseline: Samples
    better: Better
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """Ours over the baseline's, by their medians."""
        return self.ours.median / self.baseline.median if self.baseline.median else float("inf")

    def goal_text(self) -> str:
        """The goal and whether the median reaches it; empty without one."""
        if self.goal is None:
            return ""
        sign = "<=" if self.better is Better.LOWER else ">="
        return f"{sign} {shown(self.goal)} {'met' if self.meets_goal() else 'MISSED'}"

    def meets_goal(self) -> bool:
        """Whether the median is on the good side of the goal; true without one."""
        if self.goal is None:
            return True
        if self.better is Better.LOWER:
            return self.ours.median <= self.goal
        return self.ours.median >= self.goal


def shown(value: float) -> str:
    """A number with three significant digits, in plain notation."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"
