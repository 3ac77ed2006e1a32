"""`recourse erase`: one person asks that a data subject be erased, another confirms.

Owns the options, and that a customer's id can be given without lying in a shell's history.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import typer

from services.cli.client import address, call, fail, show
from services.cli.operators import AsJson, State, Url, print_rows
from services.local.state import DEFAULT_STATE

_SHOWN = ("id", "subject", "status", "reason", "asked_by", "confirmed_by", "asked_at")


Subject = Annotated[UUID | None, typer.Argument(help="the opaque id of a data subject")]
OfCase = Annotated[UUID | None, typer.Option("--case", help="erase the customer of this case")]
CustomerId = Annotated[
    str | None,
    typer.Option(help="the customer's id; `-`: it is asked for, or comes through a pipe"),
]
CustomerFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="a file with nothing but the customer's id"),
]
Why = Annotated[
    str, typer.Option(help="customer_request, retention_over, legal_order or recorded_in_error")
]
Force = Annotated[
    bool, typer.Option("--force-open-cases", help="end the cases that are not over, too")
]
Confirm = Annotated[
    UUID | None, typer.Option(metavar="ERASURE", help="confirm this one, as a second person")
]
By = Annotated[str | None, typer.Option(help="who you are, where no credential says so")]
ListAll = Annotated[bool, typer.Option("--list", help="who asked for what, and who confirmed")]


def erase(
    subject: Subject = None,
    case: OfCase = None,
    customer: CustomerId = None,
    customer_file: CustomerFile = None,
    reason: Why = "customer_request",
    force_open_cases: Force = False,
    confirm: Confirm = None,
    by: By = None,
    list_all: ListAll = False,
    as_json: AsJson = False,
    url: Url = None,
    state: State = DEFAULT_STATE,
) -> None:
    """Erase a data subject for good: destroy their key. One person asks, another confirms."""
    place = f"{address('front', url, state)}/v1/erasures"
    signed: dict[str, Any] = {} if by is None else {"by": {"role": "ops", "id": by}}
    if list_all:
        print_rows(_every(place), _SHOWN, as_json)
        return
    if confirm is not None:
        show(call("POST", f"{place}/{confirm}/confirm", signed))
        return
    named = _named(subject, case, _customer(customer, customer_file))
    body = {**named, "reason": reason, "force_open_cases": force_open_cases, **signed}
    asked = call("POST", place, body)
    show(asked)
    again = f"recourse erase --confirm {asked['id']}"
    typer.echo(f"until {asked['expires_at']} another person confirms it: {again}", err=True)


def _named(subject: UUID | None, case: UUID | None, customer: str | None) -> dict[str, str]:
    ways = {"subject": subject, "case_id": case, "customer": customer}
    named = {way: str(value) for way, value in ways.items() if value is not None}
    if len(named) != 1:
        fail("name one: SUBJECT, --case, --customer or --customer-file", 2)
    return named


def _customer(given: str | None, file: Path | None) -> str | None:
    """The customer's id, wherever it is to be found."""
    if file is not None:
        return file.read_text("utf-8").strip()
    if given != "-":
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("customer's id", hide_input=True))
    return sys.stdin.read().strip()


def _every(place: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = call("GET", place)
    found += page["items"]
    while page["next"]:
        page = call("GET", f"{place}?{urlencode({'cursor': page['next']})}")
        found += page["items"]
    return found
