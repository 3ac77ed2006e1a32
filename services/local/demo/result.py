"""What the demo reports: one object for programs, one table for people.

Owns the names of `recourse demo --json` and the arithmetic of percentiles. Judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from rich.table import Table

from services.local.demo.evidence import Evidence
from services.local.demo.verdict import LATE_MS, Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a demo. Field names are those of the JSON object."""

    cases: int
    rungs: dict[str, int]
    deliveries: dict[str, dict[str, int]]
    timer_lag_ms: dict[str, int]
    lost: int
    duplicates: int
    late: int
    resent: int
    differences: list[str]

    @property
    def is_right(self) -> bool:
        """Whether everything went as the policy says."""
        return not (self.differences or self.lost or self.duplicates or self.late)

    def as_json(self) -> dict[str, Any]:
        """The object, JSON-ready."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def summed_up(evidence: Evidence, verdict: Verdict, *, disturbed: bool) -> Result:
    """The result. `disturbed`: services were killed, and lateness while away counts for none."""
    lags_ms = evidence.lags_ms()
    late = 0 if disturbed else sum(lag > LATE_MS for lag in lags_ms)
    differences = list(verdict.differences)
    if late:
        differences.append(f"timers: {late} fired more than {LATE_MS} ms late")
    return Result(
        cases=len(evidence.cases),
        rungs=_rungs(evidence),
        deliveries=_deliveries(evidence),
        timer_lag_ms=_percentiles(lags_ms),
        lost=verdict.lost,
        duplicates=verdict.duplicates,
        late=late,
        resent=verdict.resent,
        differences=differences,
    )


def _rungs(evidence: Evidence) -> dict[str, int]:
    paths = (entry["path"] for found in evidence.cases for entry in found.ladder["history"])
    return dict(Counter(paths))


def _deliveries(evidence: Evidence) -> dict[str, dict[str, int]]:
    counted: dict[str, Counter[str]] = {}
    for found in evidence.cases:
        for row in found.deliveries:
            counted.setdefault(row["channel"], Counter())[row["status"]] += 1
    return {channel: dict(statuses) for channel, statuses in sorted(counted.items())}


def _percentiles(lags_ms: Iterable[int]) -> dict[str, int]:
    """Nearest rank; zeros where nothing fired."""
    ordered = sorted(lags_ms) or [0]

    def rank(share: float) -> int:
        return ordered[max(0, ceil(share * len(ordered)) - 1)]

    return {"p50": rank(0.50), "p99": rank(0.99), "max": ordered[-1]}


def table_of(result: Result) -> Table:
    """The closing table."""
    table = Table(title="Recourse demo", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    rungs = ", ".join(f"{path} {count}" for path, count in result.rungs.items())
    lag = ", ".join(f"{name} {value}" for name, value in result.timer_lag_ms.items())
    table.add_row("cases", str(result.cases))
    table.add_row("rungs entered", rungs)
    for channel, statuses in result.deliveries.items():
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        table.add_row(f"deliveries by {channel}", counts)
    table.add_row("timer lag (real ms)", lag)
    for name in ("late", "lost", "duplicates", "resent"):
        table.add_row(name, str(getattr(result, name)))
    table.add_row("differences", str(len(result.differences)))
    return table
