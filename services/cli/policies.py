"""`recourse policy check`, `explain`, `diff`: packs before they reach a case. Options only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from services.cli.client import fail, show
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


@policy.command()
def explain(
    packs: Packs = None,
    *,
    case: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="a report, as POST /v1/cases takes it"),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="KEY=VALUE", help="category=refund, facts.tier=gold"),
    ] = None,
    segments: Annotated[
        bool, typer.Option("--segments", help="show how each clock counts, stretch by stretch")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which rule of which pack would take a case, why, and what would follow."""
    from services.policy.cases import case_from
    from services.policy.explaining import explain_case, lines_of, to_plain
    from services.policy.loading import read_policies
    from services.yaml_files import InvalidFileError

    now = datetime.now(UTC)  # noqa: TID251 - a person asks about a case of this moment
    try:
        report = case_from(case, words or (), now.replace(microsecond=0))
        found = explain_case(report, read_policies(packs or [DEFAULT_PACK]))
    except InvalidFileError as error:
        fail(str(error))
    if as_json:
        show(to_plain(found, segments=segments))
        return
    for line in lines_of(found, segments=segments):
        typer.echo(line)


@policy.command()
def diff(
    old: Annotated[Path, typer.Argument(exists=True, help="the pack as it is")],
    new: Annotated[Path, typer.Argument(exists=True, help="the pack as it shall be")],
    *,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="print Markdown, for a merge request")
    ] = False,
) -> None:
    """Say in words what changes for whom; exits with 1 if anything does, 2 if a pack is broken."""
    from services.policy.differing import changes_between, lines_of, markdown_of
    from services.policy.loading import read_policies
    from services.yaml_files import InvalidFileError

    try:
        before, after = read_policies((old, new))
    except InvalidFileError as error:
        fail(str(error), 2)
    changes = changes_between(before.pack, after.pack)
    if as_json:
        show([change.to_plain() for change in changes])
    else:
        for line in markdown_of(changes) if markdown else lines_of(changes):
            typer.echo(line)
        if not changes:
            typer.echo("nothing changes for anybody")
    raise typer.Exit(1 if changes else 0)
