"""`recourse erase` says whom, why and who asks; an id of a customer need not lie in a history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from tests.support.http_endpoint import Endpoint, answering

ANY = UUID(int=7)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """It refuses everything, and remembers what it was asked."""
    with answering() as server:
        server.answer = (409, {})
        yield server


def erase(endpoint: Endpoint, *words: str, typed: str = "") -> Result:
    url = f"http://127.0.0.1:{endpoint.server_port}"
    return CliRunner().invoke(app, ["erase", *words, "--url", url], input=typed)


def asked(endpoint: Endpoint) -> tuple[str, dict[str, object]]:
    (request,) = endpoint.requests
    return request[0], json.loads(request[2])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((str(ANY),), {"subject": str(ANY)}),
        (("--case", str(ANY)), {"case_id": str(ANY)}),
        (("--customer", "C-1"), {"customer": "C-1"}),
        (("--customer", "-"), {"customer": "C-2"}),
    ],
)
def test_whom(endpoint: Endpoint, words: tuple[str, ...], named: dict[str, str]) -> None:
    result = erase(endpoint, *words, "--by", "ops-1", "--force-open-cases", typed="C-2\n")
    assert result.exit_code == 1, "it was refused"
    assert asked(endpoint) == (
        "/v1/erasures",
        {
            **named,
            "reason": "customer_request",
            "force_open_cases": True,
            "by": {"role": "ops", "id": "ops-1"},
        },
    )


def test_a_customer_in_a_file(endpoint: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "customer"
    file.write_text("C-3\n")
    erase(endpoint, "--customer-file", str(file), "--reason", "legal_order")
    assert asked(endpoint)[1] == {
        "customer": "C-3",
        "reason": "legal_order",
        "force_open_cases": False,
    }


def test_a_second_person_confirms(endpoint: Endpoint) -> None:
    erase(endpoint, "--confirm", str(ANY), "--by", "ops-2")
    by = {"role": "ops", "id": "ops-2"}
    assert asked(endpoint) == (f"/v1/erasures/{ANY}/confirm", {"by": by})


@pytest.mark.parametrize("words", [(), (str(ANY), "--customer", "C-1")])
def test_nobody_or_two_are_not_erased(endpoint: Endpoint, words: tuple[str, ...]) -> None:
    assert erase(endpoint, *words).exit_code == 2
    assert endpoint.requests == []
