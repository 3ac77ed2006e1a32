"""`recourse audit`: who was shown whose private data. Reads it, which is itself noted."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from services.cli.client import address, call
from services.cli.operators import AsJson, Service, State, Url, print_rows
from services.local.state import DEFAULT_STATE

_SHOWN = ("at", "service", "role", "actor", "route", "shows", "case_id", "subject", "purpose")


def audit(
    service: Annotated[
        list[Service] | None, typer.Option(help="only what this one showed; repeatable")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="whose data: the opaque subject")] = None,
    customer: Annotated[str | None, typer.Option(help="whose data: the operator's id")] = None,
    case: Annotated[str | None, typer.Option(help="of which case")] = None,
    actor: Annotated[str | None, typer.Option(help="who read: a staff number, a machine")] = None,
    since: Annotated[str | None, typer.Option(help="ISO 8601 instant with offset")] = None,
    until: Annotated[str | None, typer.Option(help="ISO 8601 instant with offset")] = None,
    limit: Annotated[int, typer.Option(min=1, help="the most of each service")] = 1000,
    url: Url = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Show who read whose private data, when and what for, newest first; never the data."""
    wanted = {
        "subject": subject,
        "customer": customer,
        "case_id": case,
        "actor": actor,
        "since": since,
        "until": until,
    }
    given = {name: text for name, text in wanted.items() if text is not None}
    front = address("front", url, state)
    lines = [
        {"service": each.value, **line}
        for each in service or list(Service)
        for line in _pages(f"{front}/v1/audit/{each.value}", given, limit)
    ]
    newest_first = sorted(lines, key=lambda line: str(line["at"]), reverse=True)
    print_rows(
        [_joined(line) for line in newest_first] if not as_json else newest_first, _SHOWN, as_json
    )


def _joined(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "shows": " ".join(line["shows"])}


def _pages(url: str, given: dict[str, str], limit: int) -> list[dict[str, Any]]:
    """The newest of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while len(found) < limit:
        size = {"limit": str(min(500, limit - len(found)))}
        page = call("GET", f"{url}?{urlencode({**given, **size, **cursor})}")
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    return found
