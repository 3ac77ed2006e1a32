"""The printed result: the machine, the table, what was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.machine import BUSY_LOAD_PER_CORE
from benchmarks.measurement import Row, shown

_HEADS: Final = ("what", "unit", "ours", "baseline", "ratio", "goal")


def show(
    rows: Sequence[Row],
    missing: Mapping[str, str],
    surroundings: Iterable[str],
    load: float,
    *,
    markdown: bool = False,
) -> None:
    """Print everything that was measured, and the reason for each thing that was not."""
    console = Console(width=160)
    for line in surroundings:
        console.print(line, highlight=False)
    if load > BUSY_LOAD_PER_CORE:
        console.print(
            f"[bold]The machine was not quiet[/]: {load:.2f} runnable per core before the start. "
            "These numbers are of a shared machine.",
            highlight=False,
        )
    if rows and markdown:
        print("\n".join(("", *_markdown(rows), "")))
    elif rows:
        console.print(_table(rows))
        console.print("median (lowest-highest) of the repetitions; ratio: ours to the baseline.")
    for name, reason in missing.items():
        console.print(f"[bold]not measured[/]: {name}: {reason}", highlight=False)


def _markdown(rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {' | '.join(_HEADS)} |"
    yield "|" + " --- |" * len(_HEADS)
    for row in rows:
        baseline = f"{row.baseline.text()}: {row.baseline_name}"
        cells = (row.what, row.unit, row.ours.text(), baseline, f"{shown(row.ratio)}x")
        yield f"| {' | '.join((*cells, row.goal_text()))} |"


def _table(rows: Sequence[Row]) -> Table:
    table = Table(*_HEADS, show_lines=False)
    for row in rows:
        baseline = f"{row.baseline.text()}\n[dim]{row.baseline_name}[/]"
        ratio = f"{shown(row.ratio)}x"
        table.add_row(row.what, row.unit, row.ours.text(), baseline, ratio, row.goal_text())
    return table
