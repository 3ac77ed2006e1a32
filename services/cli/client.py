"""How commands find a running installation: by `--url`, or by the local stack's state folder.

Owns the way there and the way errors are shown; each command says what it wants.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never
from urllib.parse import urlencode

import typer

from services.local.state import DEFAULT_STATE, read_description

if TYPE_CHECKING:
    import httpx

_FRONT = "front"


def address(service: str, url: str | None, state: Path = DEFAULT_STATE) -> str:
    """The base URL of a service (or of the front). Exits with 2 where nothing runs."""
    if url is not None:
        return url.rstrip("/")
    found = read_description(state)
    if found is None:
        fail(f"no stack runs on {state}/; start one with `recourse up`, or name one with --url", 2)
    return str(found["http"] if service == _FRONT else found["services"][service])


def call(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON answer; a problem document ends the command with 1 and its text."""
    import httpx  # not needed by `recourse run`, whose start-up it would slow down

    try:
        answer = httpx.request(
            method, url, json=body, timeout=30, trust_env=False, headers=credential()
        )
    except httpx.HTTPError as error:
        fail(f"{url} does not answer: {error}", 2)
    if answer.is_error:
        fail(problem_text(answer))
    return answer.json()


def fetch(url: str) -> bytes | None:
    """The bytes of a file; None where it is not kept any more."""
    import httpx

    try:
        answer = httpx.get(url, timeout=300, trust_env=False, headers=credential())
    except httpx.HTTPError as error:
        fail(f"{url} does not answer: {error}", 2)
    if answer.status_code in (404, 410):
        return None
    if answer.is_error:
        fail(problem_text(answer))
    return answer.content


def credential() -> dict[str, str]:
    """The token or key of whoever runs the command, where identity is on, and what for."""
    from services.kit.settings import CallerSettings, read_settings

    caller = read_settings(CallerSettings)
    token = None if caller.token is None else f"Bearer {caller.token.get_secret_value()}"
    said = {
        "Authorization": token,
        "Recourse-Purpose": caller.purpose,
        "Recourse-Actor": caller.actor,
    }
    return {name: text for name, text in said.items() if text}


def every(url: str) -> list[dict[str, Any]]:
    """A list that comes in pages, whole: each page follows the last item of the one before."""
    found: list[dict[str, Any]] = []
    page = call("GET", url)
    while page:
        found += page
        last = urlencode({"after_at": page[-1]["at"], "after_hash": page[-1]["hash"]})
        page = call("GET", f"{url}?{last}")
    return found


def fail(text: str, code: int = 1) -> Never:
    """Say on stderr what went wrong, and exit."""
    typer.echo(text, err=True)
    raise typer.Exit(code)


def show(value: Any) -> None:
    """Print a value as JSON that people can read."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def problem_text(answer: httpx.Response) -> str:
    """What a problem document says, on one line."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"
    errors = (f"{each['pointer']}: {each['detail']}" for each in problem.get("errors", ()))
    parts = (problem.get("title"), problem.get("reason"), problem.get("detail"), *errors)
    return f"{answer.status_code} " + ": ".join(str(part) for part in parts if part)
