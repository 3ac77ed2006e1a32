"""The commands of `recourse`. Owns options and exit codes; the work is done elsewhere."""

from __future__ import annotations

import enum
import importlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli import (
    auditing,
    calendars,
    demo,
    erasing,
    exporting,
    installation,
    keys,
    migrating,
    operators,
    policies,
    rehearsing,
)
from services.cli.operators import Service

app = typer.Typer(
    name="recourse",
    help="No customer's case dies in silence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Kafka(enum.StrEnum):
    """The brokers that `up` can start."""

    EMBEDDED = "embedded"
    APACHE = "apache"


AskWho = Annotated[
    bool, typer.Option("--identity", help="ask who calls; POST /local/token gives test tokens")
]


def _instant(text: str) -> datetime:
    """An ISO 8601 instant with offset; typer's own datetimes have none."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise typer.BadParameter("an ISO 8601 instant with offset is wanted")
    return instant


Roster = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="YAML file of the agents")
]
PackFolders = Annotated[
    list[Path] | None,
    typer.Option(exists=True, help="a pack's folder; again for more, asked in this order"),
]
ShadowFolder = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="folder of a pack to run in the shadow"),
]


@app.command()
def up(
    *,
    json_line: Annotated[
        bool, typer.Option("--json", help="print one line of JSON when ready")
    ] = False,
    clock: Annotated[
        datetime | None,
        typer.Option(parser=_instant, metavar="INSTANT", help="simulate time, from here"),
    ] = None,
    kafka: Annotated[Kafka, typer.Option(help="which broker")] = Kafka.EMBEDDED,
    state: Annotated[Path, typer.Option(help="folder of the state")] = Path("var"),
    roster: Roster = None,
    pack: PackFolders = None,
    shadow: ShadowFolder = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="port of the front; else 8700 or any")
    ] = None,
    topics_prefix: Annotated[str, typer.Option(help="before each topic's name")] = "recourse.",
    host: Annotated[str, typer.Option(help="must be loopback")] = "127.0.0.1",
    identity: AskWho = False,
) -> None:
    """Run the whole stack on this machine, on loopback, until Ctrl-C."""
    from services.local.broker import KafkaProfile
    from services.local.description import StackOptions
    from services.local.up import UpOptions, run_until_signal

    options = StackOptions(
        state=state,
        kafka=KafkaProfile(kafka.value),
        clock=clock,
        roster=roster,
        packs=tuple(pack or ()),
        shadow=shadow,
        port=port,
        topics_prefix=topics_prefix,
        identity=identity,
    )
    raise typer.Exit(run_until_signal(UpOptions(options, json_line, host)))


@app.command()
def run(service: Annotated[Service, typer.Argument(help="which service")]) -> None:
    """Run one service in the foreground, configured by RECOURSE_* variables."""
    importlib.import_module(f"services.{service.value}.app").main()


@app.command()
def front() -> None:
    """Put the services under one address, configured by RECOURSE_* variables."""
    importlib.import_module("services.front.app").main()


app.add_typer(operators.dead_letters, name="dead-letters")
app.add_typer(operators.parked, name="parked")
app.add_typer(operators.case, name="case")
app.command()(demo.demo)
app.add_typer(calendars.calendar, name="calendar")
policies.policy.command("history")(rehearsing.write_history)
policies.policy.command("simulate")(rehearsing.simulate)
policies.policy.command("shadow")(rehearsing.shadow)
policies.policy.command("migrate")(migrating.migrate)
app.add_typer(policies.policy, name="policy")
app.command("import")(operators.import_cases)
app.command()(erasing.erase)
app.command()(operators.republish)
app.command()(auditing.audit)
app.command()(exporting.export)
app.command()(operators.retention)
app.command()(installation.migrate)
app.command()(installation.doctor)
app.add_typer(keys.keys, name="keys")
app.add_typer(installation.database, name="database")
app.add_typer(installation.topics, name="topics")


def main() -> None:
    """The console script."""
    app()
