"""Reports that no service can take, on both roads, and what must become of them.

Owns these reports and the judgement: by HTTP a problem that names the field, by Kafka a dead
letter, after which the partition goes on (the report of a real case follows under the same key).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from services.local.demo.client import Api
from services.local.demo.reporting import Headers, Place, Reporter, headers_of, key_of

_PROBLEM: Final = "application/problem+json"


async def send_malformed_by_http(api: Api, good: Mapping[str, Any]) -> list[str]:
    """Sends each; answers what was wrong with the refusals."""
    found: list[str] = []
    for number, (pointer, body) in enumerate(_bodies(good)):
        answer = await api.post("/v1/cases", body, f"malformed-{number}")
        found += _judged(pointer, answer)
    return found


async def send_malformed_by_kafka(reporter: Reporter, good: Mapping[str, Any]) -> list[Place]:
    """Sends each under the key of the good report; answers where they lie."""
    key = key_of(good)
    return [await reporter.send(key, value, headers) for value, headers in _messages(good)]


def _bodies(good: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "/transaction/amount", {**good, "transaction": {**good["transaction"], "amount": "12,80"}}
    yield "/customer/email", {**good, "customer": {**good["customer"], "email": "nobody"}}
    yield "/category", {**good, "category": "bad_weather"}
    yield "/description", {name: value for name, value in good.items() if name != "description"}


def _judged(pointer: str, answer: httpx.Response) -> Iterator[str]:
    what = f"malformed report by HTTP ({pointer})"
    if answer.status_code != 422:
        yield f"{what}: expected 422, got {answer.status_code}"
        return
    if not answer.headers.get("content-type", "").startswith(_PROBLEM):
        yield f"{what}: the answer is no {_PROBLEM}"
    named = [error["pointer"] for error in answer.json().get("errors", ())]
    if pointer not in named:
        yield f"{what}: the problem names {named}"


def _messages(good: Mapping[str, Any]) -> Iterator[tuple[bytes, Headers]]:
    def headers(number: int, **changed: bytes) -> Headers:
        usual = headers_of({**good, "external_id": f"malformed-{number}"})
        return [(name, changed.get(name, value)) for name, value in usual]

    whole = json.dumps(good).encode()
    wrong = json.dumps({**good, "transaction": {**good["transaction"], "amount": "-1"}}).encode()
    yield b"{not json", headers(0)
    yield wrong, headers(1)
    yield whole, headers(2, ce_source=b"\xff\xfe")
    yield whole, headers(3, ce_type=b"case.exploded")
    yield b"\xff\xfe\x00", headers(4)
