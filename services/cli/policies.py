"""`recourse policy check`, `explain`, `diff`: packs before they reach a case. Options only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client import show
from services.packs import DEFAULT_PACK

policy = typer.Typer(help="Policy packs, before they reach a case.", no_args_is_help=True)
Packs = Annotated[
    list[Path] | None,
    typer.Argument(metavar="DIR...", exists=True, help="packs, in the order they are asked"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@policy.command()
def check(
    packs: Packs = None,
    *,
    roster: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="YAML file of the agents")
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="the day to reckon horizons from; else today"),
    ] = None,
    margin: Annotated[
        int, typer.Option(min=0, help="days that a calendar must reach beyond the longest clock")
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong or doubtful in packs, and run their examples; 1 if there is anything."""
    from services.policy.checking import Wanted, check

    day = (today or datetime.now(UTC)).astimezone()  # noqa: TID251 - a person asks, on their day
    report = check(Wanted(packs or [DEFAULT_PACK], roster, day, timedelta(days=margin)))
    if as_json:
        show(report.to_plain())
    else:
        for line in report.lines:
            typer.echo(f"{line.text} [{line.severity}]")
        typer.echo(report.summary())
    raise typer.Exit(1 if report.lines else 0)
