"""`recourse policy history`, `simulate`, `shadow`: what a changed pack would do to real cases.

Owns options, progress and exit codes: 0 the change may pass, 1 it goes beyond a bound, 2 the input
cannot be used. The playing is escalation's (`services/escalation/rehearse.py`).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, cast
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from services.cli.client import address, call, fail, show
from services.local.state import DEFAULT_STATE

if TYPE_CHECKING:
    from services.escalation.core.policy import Policy
    from services.escalation.core.rehearsal.tally import Tally

Url = Annotated[str | None, typer.Option(help="the service's address; else the local stack's")]
State = Annotated[Path, typer.Option(help="folder of the local stack's state")]
_VERDICTS: Final = ("same", "earlier", "later", "never", "new")


def write_history(
    out: Annotated[Path, typer.Argument(dir_okay=False, help="NDJSON; packed if it ends in .gz")],
    url: Url = None,
    state: State = DEFAULT_STATE,
    examples: Annotated[
        Path | None, typer.Option(exists=True, help="of this pack instead: nothing need run")
    ] = None,
) -> None:
    """Write what happened to every case, for `simulate`. It holds no personal data."""
    if examples is not None:
        _write_examples(out, examples)
        return
    from services.escalation.core.rehearsal.history import FORMAT

    front = address("front", url, state)
    pages = _pages(front)
    first = next(pages)
    policies = [_policy(front, row) for row in call("GET", f"{front}/v1/policies")["items"]]
    head = {"format": FORMAT, "taken_at": first["taken_at"], "policies": policies}
    with _written(out) as file:
        file.write(_line(head))
        count = sum(_add(file, page) for page in chain([first], pages))
    typer.echo(f"{count:,} cases, {len(policies)} policies: {out}")


def _write_examples(out: Path, folder: Path) -> None:
    from services.packs import load_pack
    from services.policy.example_history import lines_of
    from services.policy.examples import read_examples
    from services.yaml_files import InvalidFileError

    try:
        found = read_examples(folder)
        if found is None:
            fail(f"{folder} has no examples.yaml", 2)
        lines = list(lines_of(load_pack(folder), found))
    except (InvalidFileError, ValueError) as error:
        fail(str(error), 2)
    with _written(out) as file:
        file.writelines(map(_line, lines))
    typer.echo(f"{len(lines) - 1} examples: {out}")


def _policy(front: str, row: Mapping[str, Any]) -> dict[str, Any]:
    document = call("GET", f"{front}/v1/policies/{quote(row['digest'])}")
    return {name: row[name] for name in ("name", "version", "digest")} | {"document": document}


def _pages(front: str) -> Iterator[Mapping[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = call("GET", f"{front}/v1/ladders/export?{urlencode({'limit': 200, **cursor})}")
        yield page
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


@contextmanager
def _written(out: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all."""
    partial = out.with_name(f"{out.name}.partial")
    with partial.open("wb") as raw:
        if out.suffix == ".gz":
            with gzip.open(raw, "wb") as packed:
                yield cast(BinaryIO, packed)
        else:
            yield raw
    partial.replace(out)


def _add(file: BinaryIO, page: Mapping[str, Any]) -> int:
    file.writelines(map(_line, page["items"]))
    return len(page["items"])


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def simulate(
    history: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="as `policy history` writes it")
    ],
    pack: Annotated[Path, typer.Option(exists=True, help="folder of the changed pack")],
    max_later: Annotated[
        int | None, typer.Option(min=0, help="escalations that may come later")
    ] = None,
    max_never: Annotated[int | None, typer.Option(min=0, help="that may no longer come")] = None,
    max_earlier: Annotated[int | None, typer.Option(min=0, help="that may come earlier")] = None,
    max_new: Annotated[int | None, typer.Option(min=0, help="that may come anew")] = None,
    max_more_messages: Annotated[
        float | None, typer.Option(min=0, help="by how many per cent messages may grow")
    ] = None,
    max_unplayable: Annotated[int, typer.Option(min=0, help="histories that cannot be played")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; else one per core")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    markdown: Annotated[
        Path | None, typer.Option(dir_okay=False, help="write the report as Markdown, too")
    ] = None,
) -> None:
    """Play exported histories under a changed pack: who escalates earlier, later, never?

    Exits with 1 where the change goes beyond a bound, so that it can gate a merge.
    """
    from services.escalation.core.rehearsal.report import Bounds, as_data, as_markdown

    tally, policy = _rehearsed(history, pack, workers)
    bounds = Bounds(max_later, max_never, max_earlier, max_new, max_more_messages, max_unplayable)
    report = as_data(tally, policy, bounds)
    if markdown is not None:
        markdown.write_text(as_markdown(report), encoding="utf-8")
    show(report) if as_json else _print(report)
    raise typer.Exit(0 if report["passed"] else 1)


def _rehearsed(history: Path, pack: Path, workers: int | None) -> tuple[Tally, Policy]:
    """The cases played. Exits with 2 where the pack or the export cannot be used."""
    from services.escalation.core.policy import compile_policy
    from services.escalation.rehearse import UnusableHistoryError, rehearse
    from services.packs import load_pack
    from services.yaml_files import InvalidFileError

    try:
        loaded = load_pack(pack)
        with _bar(history) as advanced:
            tally = rehearse(history, loaded, advanced, workers)
    except (InvalidFileError, UnusableHistoryError, OSError, EOFError) as error:
        fail(str(error), 2)
    return tally, compile_policy(loaded.pack, loaded.digest)


@contextmanager
def _bar(file: Path) -> Iterator[Any]:
    """A progress bar on stderr over the bytes of the file."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield lambda done: progress.update(task, completed=done)


def shadow(
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """What the shadow pack would have done to running cases, beside what was done."""
    report = call("GET", f"{address('front', url, state)}/v1/policies/shadow")
    if as_json:
        show(report)
        return
    policy = report["policy"]
    console = Console()
    console.print(f"{policy['name']} {policy['version']} in the shadow since {report['since']}")
    console.print(f"{report['cases']:,} cases followed")
    verdicts = ("same", "earlier", "later", "only_real_so_far", "only_shadow_so_far")
    console.print(_rungs(report, verdicts))


def _print(report: Mapping[str, Any]) -> None:
    console = Console()
    policy = report["policy"]
    console.print(f"{policy['name']} {policy['version']} ({policy['digest'][:15]})")
    console.print(f"{report['cases']:,} cases played, {report['changed']:,} go another way")
    console.print(_rungs(report), _both(report))
    for why in (*report["unplayable_lines"], *report["exceeded"]):
        console.print(why, style="red", markup=False)
    console.print("the change may pass" if report["passed"] else "the change must not pass")


def _rungs(report: Mapping[str, Any], verdicts: Sequence[str] = _VERDICTS) -> Table:
    table = Table("rung", *(name.replace("_", " ") for name in verdicts), title="escalations")
    for rung, found in report["escalations"].items():
        table.add_row(rung, *(f"{found[verdict]['count']:,}" for verdict in verdicts))
    return table


def _both(report: Mapping[str, Any]) -> Table:
    table = Table("what", "old", "new", title="both policies")
    for part in ("messages", "missed_clocks", "refused_commands"):
        for name, both in report[part].items():
            what = f"{part.replace('_', ' ')}: {name}"
            table.add_row(what, f"{both['old']:,}", f"{both['new']:,}")
    return table
