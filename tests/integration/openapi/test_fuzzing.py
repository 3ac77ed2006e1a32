"""Schemathesis against the three services: what it sends is never a 5xx nor an undeclared answer.

`RECOURSE_FUZZ_EXAMPLES` says how many requests in all; a service that waits for `after` says 503
`behind`, which is declared and is the only 5xx that may come.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.schemas import APIOperation

from services.kit import waiting
from tests.support.matrix import Objects, populate
from tests.support.town import Town, town

EXAMPLES: Final = int(os.environ.get("RECOURSE_FUZZ_EXAMPLES", "500"))
# Its answer has no end, and is looked at by the notifier's own tests.
_ENDLESS: Final = "GET /v1/recipients/{recipient_id}/inbox"
Operation = APIOperation[Any, Any, Any, Any]
_WANTED: Final = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@dataclass
class Fuzz:
    """The requests of one run, sent from a thread to the loop that the services live in."""

    town: Town
    on: Objects
    loop: asyncio.AbstractEventLoop
    met: Counter[int] = field(default_factory=Counter)

    def run(self) -> None:
        """Every operation of every service, in both modes, for its share of the examples."""
        operations = list(self._operations())
        share = -(-EXAMPLES // (2 * len(operations)))
        for number, (name, operation) in enumerate(operations):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._one(name, operation, mode, share, number)

    def _operations(self) -> Iterator[tuple[str, Operation]]:
        for name, house in self.town.houses.items():
            for found in schemathesis.openapi.from_dict(house.app.openapi()).get_all_operations():
                operation = found.ok()  # type: ignore[union-attr]
                if operation.label != _ENDLESS:
                    yield name, operation

    def _one(
        self, name: str, operation: Operation, mode: GenerationMode, share: int, number: int
    ) -> None:
        @seed(number)
        @settings(
            max_examples=share,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(operation.as_strategy(mode), st.booleans())
        def send(case: Case[Any], known: bool) -> None:
            self._judge(name, case, known)

        send()

    def _judge(self, name: str, case: Case[Any], known: bool) -> None:
        if known:
            self._about_something(case)
        kwargs = case.as_transport_kwargs(base_url=f"http://{name}")
        try:
            sent = requests.Request(**{k: v for k, v in kwargs.items() if k in _SENT}).prepare()
        except (requests.RequestException, UnicodeError, ValueError):
            return  # not a request that HTTP can carry
        answer = self._answer(name, sent)
        self.met[answer.status_code] += 1
        behind = answer.status_code == 503 and answer.json()["reason"] == "behind"
        assert answer.status_code < 500 or behind, (case.as_curl_command(), answer.text)
        case.validate_response(
            schemathesis.Response.from_httpx(answer, verify=False),
            checks=[CHECKS.get_one(check) for check in _WANTED],  # type: ignore[misc]
        )

    def _about_something(self, case: Case[Any]) -> None:
        """Half of the requests are about what is there."""
        things = {
            "case_id": self.on.cases["own"],
            "incident_id": self.on.incident,
            "recipient_id": "cust-own",
            "delivery_id": self.on.messages["own"],
            "digest": self.on.digest,
            "sha256": self.on.evidence,
            "staff_number": "A1024",
            "group": "frontline",
        }
        for parameter in (case.path_parameters or {}).keys() & things.keys():
            case.path_parameters[parameter] = things[parameter]

    def _answer(self, name: str, sent: requests.PreparedRequest) -> httpx.Response:
        body: Any = sent.body
        request = httpx.Request(
            sent.method or "GET",
            sent.url or "",
            headers=[(k.encode("latin-1"), _bytes(v)) for k, v in sent.headers.items()],
            content=_bytes(body) if body is not None else b"",
        )
        sending = asyncio.run_coroutine_threadsafe(self.town.clients[name].send(request), self.loop)
        return sending.result(60)


_SENT: Final = ("method", "url", "headers", "params", "data", "json", "files", "cookies")


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


@pytest.mark.timeout(3600)
async def test_nothing_that_is_sent_breaks_a_service(
    dsns: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five seconds for each position that nobody will ever reach would be all that this test does.
    monkeypatch.setattr(waiting.wait_until, "__defaults__", (0.02,))
    async with town(dsns, identity=False) as here:
        fuzz = Fuzz(here, await populate(here), asyncio.get_running_loop())
        await asyncio.to_thread(fuzz.run)
    assert fuzz.met[422]
    assert sum(count for status, count in fuzz.met.items() if status < 300)
    print(f"schemathesis: {fuzz.met.total()} requests: {dict(sorted(fuzz.met.items()))}")
