"""`recourse demo`: its options. The work is done in `services/local/demo/`."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Final

import typer

FEWEST_CASES: Final = 60
"""As `services.local.demo.cast` has it, which is not imported for the sake of a quick start."""


class DemoKafka(enum.StrEnum):
    """The brokers that the demo can start."""

    EMBEDDED = "embedded"
    APACHE = "apache"


def demo(
    *,
    json_line: Annotated[
        bool, typer.Option("--json", help="print the result as one line of JSON at the end")
    ] = False,
    kafka: Annotated[DemoKafka, typer.Option(help="which broker")] = DemoKafka.EMBEDDED,
    cases: Annotated[
        int, typer.Option(min=FEWEST_CASES, max=5000, help="how many cases")
    ] = FEWEST_CASES,
    state: Annotated[
        Path | None, typer.Option(help="empty folder for the state; without it nothing is kept")
    ] = None,
    disturbed: Annotated[
        bool, typer.Option(hidden=True, help="services are killed meanwhile: count no lateness")
    ] = False,
) -> None:
    """Replay real complaints through the whole system on a simulated clock, and check it all."""
    from services.local.demo.run import DemoOptions, run_demo

    options = DemoOptions(
        kafka=kafka.value,
        cases=cases,
        state=state,
        json_line=json_line,
        disturbed=disturbed,
    )
    raise typer.Exit(run_demo(options))
