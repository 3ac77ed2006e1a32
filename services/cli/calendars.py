"""`recourse calendar generate` and `diff`: calendars as pinned data, checked against a library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from services.cli.client import fail


class _Dumper(yaml.SafeDumper):
    """Writes equal lists out each time: people edit this file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


calendar = typer.Typer(help="Calendars as pinned data.", no_args_is_help=True)
Country = Annotated[str | None, typer.Option(help="ISO 3166 code, such as CN or GB")]
Subdivision = Annotated[str | None, typer.Option(help="part of the country, such as SCT")]
Market = Annotated[str | None, typer.Option(help="instead of a country: XFED, XECB, ...")]


@calendar.command()
def generate(
    years: Annotated[str, typer.Argument(help="such as 2026 or 2025-2026")],
    *,
    name: Annotated[str, typer.Option(help="the calendar's name")],
    zone: Annotated[str, typer.Option(help="IANA time zone")],
    country: Country = None,
    subdivision: Subdivision = None,
    market: Market = None,
) -> None:
    """Print a calendar file for a country or market, to be checked and pinned."""
    from services.calendars import UnknownCalendarError
    from services.calendars import generate as make

    first, _, last = years.partition("-")
    try:
        span = int(first), int(last or first)
        plain = make(_source(country, subdivision, market), *span, name=name, zone=zone)
    except (UnknownCalendarError, ValueError) as error:
        fail(f"no such calendar: {error}")
    typer.echo(yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False), nl=False)


@calendar.command()
def diff(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a calendar file")],
    country: Country = None,
    subdivision: Subdivision = None,
    market: Market = None,
) -> None:
    """List the dates on which a file and the library disagree; exits with 1 if there are any."""
    from services.calendars import UnknownCalendarError, differences
    from services.yaml_files import InvalidFileError, read_yaml

    try:
        plain: dict[str, Any] = read_yaml(file).plain
        named = plain.get("library") or {}
        source = _source(
            country or named.get("country"),
            subdivision or named.get("subdivision"),
            market or named.get("market"),
        )
        found = differences(plain, source)
    except (InvalidFileError, UnknownCalendarError, ValueError) as error:
        fail(str(error))
    for difference in found:
        typer.echo(difference)
    typer.echo(f"{len(found)} differences")
    raise typer.Exit(1 if found else 0)


def _source(country: str | None, subdivision: str | None, market: str | None) -> Any:
    from services.calendars import Source

    if (country is None) == (market is None):
        fail("name a --country or a --market", 2)
    return Source(country, subdivision, market)
