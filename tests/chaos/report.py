"""The end of a run: one line, and the evidence where something was wrong.

Owns the words of that line.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.evidence import Evidence
from tests.chaos.judge import Violation

_SHOWN = 20


@dataclass
class Result:
    """What a scenario came to. `measured` is shown before the line."""

    evidence: Evidence
    violations: list[Violation]
    faults: Mapping[str, int]
    measured: list[str] = field(default_factory=list)


def closing_line(scenario: str, seed: int, result: Result) -> str:
    """Faults by kind, violations."""
    faults = ", ".join(f"{kind} {number}" for kind, number in sorted(result.faults.items()))
    reports = sum(ack.what == "report" for ack in result.evidence.acks)
    return (
        f"chaos {scenario}: seed {seed}, {reports} reports, {len(result.evidence.seen)} events, "
        f"faults: {faults or 'none'}; violations: {len(result.violations)}"
    )


def show(violations: Sequence[Violation]) -> list[str]:
    """The violations, the first of them in full."""
    by_rule = Counter(each.rule for each in violations)
    lines = [f"  {rule}: {number}" for rule, number in sorted(by_rule.items())]
    return lines + [f"  {each.rule}: {each.what}" for each in violations[:_SHOWN]]


def keep(evidence: Evidence, scenario: str, state: Path) -> Path:
    """Everything collected, and the stack's logs, in a folder of its own."""
    folder = keep_logs(scenario, evidence.seed, state)
    evidence.keep(folder)
    return folder


def keep_logs(scenario: str, seed: int, state: Path) -> Path:
    """The stack's logs in a folder of their own: all there is of a run that broke off."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{scenario}-{seed}-"))
    for log in [*state.glob("*.log"), *(state / "logs").glob("*.log*")]:
        (folder / log.name).write_bytes(log.read_bytes())
    return folder
