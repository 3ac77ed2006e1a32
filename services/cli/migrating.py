"""`recourse policy migrate`: named running cases go on under another policy, simulated first.

Owns options, what is shown before anything is done, and exit codes: 0 all moved (or simulated),
1 some were refused. Deciding, and refusing what was not simulated, is escalation's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from services.cli.client import address, problem_text, show
from services.local.state import DEFAULT_STATE

if TYPE_CHECKING:
    import httpx

_SHOWN: Final = ("state", "budget", "due_at")


def migrate(
    cases: Annotated[list[UUID], typer.Argument(help="ids of the cases")],
    to: Annotated[str, typer.Option(help="digest of the policy, as /v1/policies lists it")],
    reason: Annotated[str, typer.Option(help="why, for the record")],
    by: Annotated[str, typer.Option(help="staff number of who moves them")],
    simulate: Annotated[
        bool, typer.Option("--simulate", help="say what it would do, and do nothing")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    url: Annotated[str | None, typer.Option(help="address; else the local stack's")] = None,
    state: Annotated[Path, typer.Option(help="folder of the local stack's state")] = DEFAULT_STATE,
) -> None:
    """Move running cases to another policy, each simulated on the case as it stands."""
    import httpx

    command = {
        "command": "migrate",
        "to": to,
        "reason": reason,
        "by": {"role": "supervisor", "id": by},
    }
    base = f"{address('front', url, state)}/v1/ladders"
    with httpx.Client(timeout=30, trust_env=False) as http:
        done = [_one(http, f"{base}/{case}", None if simulate else command, to) for case in cases]
    if as_json:
        show(done)
    else:
        for each in done:
            _print(each)
    raise typer.Exit(1 if any("refused" in each for each in done) else 0)


def _one(http: httpx.Client, case: str, command: dict[str, Any] | None, to: str) -> dict[str, Any]:
    """What happens to one case: its simulation, and whether it was moved or why not."""
    simulated = http.get(f"{case}/migration?to={quote(to)}")
    if simulated.is_error:
        return {"case_id": case.rpartition("/")[2], "refused": problem_text(simulated)}
    found: dict[str, Any] = simulated.json()
    if command is None:
        return {**found, "moved": False}
    answer = http.post(
        f"{case}/commands",
        json={**command, "simulation": found["simulation"]},
        headers={"Idempotency-Key": found["simulation"]},
    )
    if answer.is_error:
        return {**found, "moved": False, "refused": problem_text(answer)}
    return {**found, "moved": True}


def _print(found: dict[str, Any]) -> None:
    console = Console()
    if "refused" in found:
        console.print(f"{found['case_id']}: refused: {found['refused']}", style="red", markup=False)
        return
    versions = " -> ".join(
        f"{found[end]['name']} {found[end]['version']}" for end in ("from", "to")
    )
    console.print(f"{found['case_id']}: {'moved' if found['moved'] else 'simulated'}, {versions}")
    table = Table("clock", *(f"{name}, {when}" for when in ("before", "after") for name in _SHOWN))
    for clock in found["clocks"]:
        table.add_row(clock["name"], *_cells(clock["before"]), *_cells(clock["after"]))
    console.print(table if found["clocks"] else "no clock changes")
    if found["at_once"]:
        console.print(f"enters at once: {', '.join(found['at_once'])}")


def _cells(clock: dict[str, Any] | None) -> list[str]:
    return [str(clock[name]) if clock else "-" for name in _SHOWN]
