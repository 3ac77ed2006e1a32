"""`recourse dead-letters`, `parked`, `republish`, `case`, `import`: for operators."""

from __future__ import annotations

import enum
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from services.cli.client import address, call, every, fail, show
from services.local.state import DEFAULT_STATE


class Service(enum.StrEnum):
    """The services that have dead letters and topics."""

    INTAKE = "intake"
    ESCALATION = "escalation"
    NOTIFIER = "notifier"


ServiceName = Annotated[Service, typer.Argument(help="which service")]
Hash = Annotated[str, typer.Argument(help="the dead letter's hash, as `list` shows it")]
Url = Annotated[str | None, typer.Option(help="the service's address; else the local stack's")]
State = Annotated[Path, typer.Option(help="folder of the local stack's state")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]

dead_letters = typer.Typer(help="Messages that could not be taken.", no_args_is_help=True)
parked = typer.Typer(help="Cases that wait for a missing event.", no_args_is_help=True)
case = typer.Typer(help="One case: its state, and why.", no_args_is_help=True)


@dead_letters.command("list")
def list_dead_letters(
    service: ServiceName, url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False
) -> None:
    """List those that nobody has settled, newest first."""
    letters = every(f"{address(service, url, state)}/internal/dead-letters")
    print_rows(letters, ("hash", "topic", "reason", "detail", "case_id", "sequence", "at"), as_json)


@dead_letters.command("show")
def show_dead_letter(
    service: ServiceName, hash: Hash, url: Url = None, state: State = DEFAULT_STATE
) -> None:
    """Show one with its original key, headers and value (base64). They may be personal data."""
    show(call("GET", f"{address(service, url, state)}/internal/dead-letters/{hash}"))


@dead_letters.command("requeue")
def requeue(
    service: ServiceName, hash: Hash, url: Url = None, state: State = DEFAULT_STATE
) -> None:
    """Take the message again, after what was wrong has been repaired."""
    show(call("POST", f"{address(service, url, state)}/internal/dead-letters/{hash}/requeue"))


@dead_letters.command("skip")
def skip(service: ServiceName, hash: Hash, url: Url = None, state: State = DEFAULT_STATE) -> None:
    """Give the message up; its case goes on with what came after."""
    show(call("POST", f"{address(service, url, state)}/internal/dead-letters/{hash}/skip"))


@parked.command("list")
def list_parked(
    service: ServiceName, url: Url = None, state: State = DEFAULT_STATE, as_json: AsJson = False
) -> None:
    """List parked records, the longest waiting first."""
    records = every(f"{address(service, url, state)}/internal/parked")
    print_rows(records, ("case_id", "topic", "sequence", "reason", "at"), as_json)


def retention(
    service: Annotated[
        list[Service] | None, typer.Option(help="only of this one; repeatable")
    ] = None,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Show each class of data: for how many days it is kept, and how much is to go now."""
    lines = [
        {"service": each.value, **line}
        for each in service or list(Service)
        for line in call("GET", f"{address(each, url, state)}/internal/retention")
    ]
    for line in [] if as_json else lines:
        line["days"] = line["days"] or "kept"
        line["due"] = f"{line['due']}{'+' if line['due_at_least'] else ''}"
    print_rows(lines, ("service", "kept", "days", "due", "oldest", "about"), as_json)


@case.command("show")
def show_case(case_id: str, url: Url = None, state: State = DEFAULT_STATE) -> None:
    """Show a case and its ladder."""
    front = address("front", url, state)
    show(
        {
            "case": call("GET", f"{front}/v1/cases/{case_id}"),
            "ladder": call("GET", f"{front}/v1/ladders/{case_id}"),
        }
    )


@case.command("explain")
def explain_case(
    case_id: str,
    url: Url = None,
    state: State = DEFAULT_STATE,
    offline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="decide everything again from an export, needing no service; 1 if it differs",
        ),
    ] = None,
) -> None:
    """Explain every clock and every rung of a case, segment by segment."""
    if offline is None:
        show(call("GET", f"{address('front', url, state)}/v1/ladders/{case_id}/explain"))
        return
    from services.escalation.offline import explain_offline

    try:
        explanation = explain_offline(case_id, offline.read_bytes())
    except ValueError as error:
        fail(f"{offline}: {error}")
    show(explanation)


@case.command("export")
def export_case(case_id: str, url: Url = None, state: State = DEFAULT_STATE) -> None:
    """Print the journal of a case with its policy, for `explain --offline`."""
    show(call("GET", f"{address('front', url, state)}/v1/ladders/{case_id}/export"))


def import_cases(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="one JSON object a line (NDJSON)")
    ],
    url: Url = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Bring in cases of another system; exits with 1 and names each line that was refused."""
    import httpx

    from services.cli.importing import lines_of, send_all, summary

    counts: Counter[str] = Counter()
    try:
        with Progress(console=Console(stderr=True)) as progress:
            lines = progress.track(list(lines_of(file)), description=file.name)
            for result in send_all(lines, address("front", url, state)):
                counts[result.outcome] += 1
                if result.why:
                    typer.echo(f"{file}:{result.line.number}: {result.why}", err=True)
    except UnicodeDecodeError as error:
        fail(f"{file}: not UTF-8: {error}")
    except httpx.HTTPError as error:
        fail(f"the service does not answer any more, after {summary(counts)}: {error}", 2)
    typer.echo(summary(counts))
    raise typer.Exit(1 if counts["refused"] else 0)


def republish(
    service: ServiceName,
    topic: Annotated[str, typer.Argument(help="without prefix, such as cases")],
    url: Url = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Publish a topic again from the last point that every reader of it has confirmed."""
    show(call("POST", f"{address(service, url, state)}/internal/republish/{topic}"))


def print_rows(items: list[dict[str, object]], columns: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        show(items)
        return
    # Ids are for copying: where there is no room they go on in the next line.
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for item in items:
        table.add_row(*(str(item[name]) if item[name] is not None else "" for name in columns))
    Console().print(table if items else "none")
