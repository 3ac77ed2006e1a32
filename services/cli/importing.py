"""`recourse import`: cases of another system, one JSON object a line, each by `POST /v1/imports`.

Owns reading the file, the pace and the account of it. Lines are independent: what was refused is
named, the rest goes on, and the same file may be sent again (a case is known by its identity).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx

from services.cli.client import credential, problem_text

_AT_ONCE: Final = 8
_CHUNK: Final = 200
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file, counted from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a line: `opened`, `known` or `refused`, and why it was refused."""

    line: Line
    outcome: str
    why: str = ""


def lines_of(file: Path) -> Iterator[Line]:
    """The lines of the file that say something."""
    with file.open(encoding="utf-8-sig") as content:
        for number, text in enumerate(content, start=1):
            if text.strip():
                yield Line(number, text)


def send_all(lines: Iterable[Line], address: str) -> Iterator[Result]:
    """Send every line; results come in the order of the file.

    Raises `httpx.HTTPError` when the service does not answer.
    """
    waiting = iter(lines)
    with (
        httpx.Client(base_url=address, timeout=60, trust_env=False, headers=credential()) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        while chunk := list(islice(waiting, _CHUNK)):
            yield from pool.map(lambda line: _send(client, line), chunk)


def summary(counts: Counter[str]) -> str:
    """The last line of the account."""
    total = counts.total()
    return f"{total} lines: " + ", ".join(
        f"{counts[outcome]} {outcome}" for outcome in ("opened", "known", "refused")
    )


def _send(client: httpx.Client, line: Line) -> Result:
    try:
        body = json.loads(line.text)
    except ValueError as error:
        return Result(line, "refused", f"not JSON: {error}")
    if not isinstance(body, dict):
        return Result(line, "refused", "not a JSON object")
    answer = client.post("/v1/imports", json=body)
    if answer.is_error:
        return Result(line, "refused", _why(answer))
    return Result(line, "opened" if answer.status_code == 201 else "known")


def _why(answer: httpx.Response) -> str:
    try:
        errors: list[dict[str, Any]] = answer.json().get("errors") or []
    except ValueError:
        errors = []
    named = [f"{error['pointer']}: {error['detail']}" for error in errors[:_SHOWN]]
    return "; ".join(named) or problem_text(answer)
