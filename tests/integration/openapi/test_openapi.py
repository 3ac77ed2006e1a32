"""The OpenAPI documents: valid, complete with examples, and what the services really do.

`RECOURSE_WRITE_GOLDENS=1` records examples anew where an answer has other fields than the recorded.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.front.openapi import merge_openapi
from services.front.routing import PREFIXES
from services.kit.identity.principal import Role
from services.kit.openapi import operations, read_examples
from tests.support.matrix import PEOPLE, Ask, Objects, asks, populate, request_of
from tests.support.town import Town, town

_STREAMS = ("GET /v1/recipients/{recipient_id}/inbox",)
# These answer where a pack runs in the shadow, or a second one is there to migrate to; escalation's
# own tests look at them.
_ELSEWHERE = ("GET /v1/policies/shadow", "GET /v1/ladders/{case_id}/migration")
_FILES = (
    "GET /v1/cases/{case_id}/evidence/{sha256}",
    "GET /v1/exports/intake/{case_id}/evidence/{sha256}",
)


@pytest.fixture
async def open_town(dsns: dict[str, str]) -> AsyncIterator[Town]:
    """Without identity, as on loopback."""
    async with town(dsns, identity=False) as made:
        yield made


async def test_the_documents_are_valid_and_complete(open_town: Town) -> None:
    documents = {name: house.app.openapi() for name, house in open_town.houses.items()}
    documents["front"] = merge_openapi(documents, PREFIXES)
    for name, document in documents.items():
        OpenAPIV31SpecValidator(document).validate()
        assert document["openapi"].startswith("3.1"), name
        for route, operation in operations(document):
            _complete(route, operation)


def _complete(route: str, operation: Mapping[str, Any]) -> None:
    """An operation says who may, what may come back, and shows both ways by example."""
    assert operation["security"] == [{"bearer": []}], route
    assert {"401", "403", "422", "429", "503"} <= operation["responses"].keys(), route
    assert operation.get("summary"), route
    good = {s: a for s, a in operation["responses"].items() if s.startswith("2")}
    assert good, route
    for status, answer in good.items():
        for media, content in answer["content"].items():
            known = media == "*/*" or route in _ELSEWHERE
            assert known or "example" in content, (route, status)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert "example" in content, route


async def test_examples_are_what_is_asked_and_answered(open_town: Town) -> None:
    on = await populate(open_town)
    for name, house in open_town.houses.items():
        folder = house.blueprint.migrations.parent
        stored = read_examples(folder)
        found = {}
        for route, _ in sorted(operations(house.app.openapi()), key=_takes_away):
            if route not in _STREAMS + _FILES + _ELSEWHERE:
                recorded = await _recorded(open_town, name, route, on)
                found[route] = _kept(stored.get(route), recorded)
        if os.environ.get("RECOURSE_WRITE_GOLDENS"):
            _write(folder, found)
        assert {r: _fields(e) for r, e in read_examples(folder).items()} == {
            r: _fields(e) for r, e in found.items()
        }


def _takes_away(item: tuple[str, Any]) -> bool:
    return item[0].startswith("DELETE") or item[0].endswith("/close")


async def _recorded(here: Town, name: str, route: str, on: Objects) -> dict[str, Any]:
    method, path = route.split(" ")
    rule = here.houses[name].parts.access.rules[route]
    able = rule.anyones or rule.owners
    role = next(r for r in (Role.SUPERVISOR, Role.BACKEND, Role.OPS, Role.CUSTOMER) if r in able)
    if route.endswith("/read"):
        role = Role.CUSTOMER
    ask = _first(list(asks(method, path, role, on)), route)
    seen: dict[str, Any] = {"answers": {}}
    for _ in range(2 if route in ("POST /v1/cases", "POST /v1/imports") else 1):
        headers = here.as_(role, PEOPLE[role])
        answer = await here.clients[name].send(request_of(here.clients[name], ask, headers))
        assert answer.is_success, (route, answer.text)
        seen["answers"][str(answer.status_code)] = _short(answer.json())
    if "content" in ask.arguments:
        seen["request"] = json.loads(ask.arguments["content"])
    return seen


def _first(found: list[Ask], route: str) -> Ask:
    return found[-1] if route == "POST /v1/cases" else found[0]


def _short(value: Any) -> Any:
    """Examples show what things look like, not how many there are."""
    if isinstance(value, dict):
        return {key: _short(each) for key, each in list(value.items())[:60]}
    if isinstance(value, list):
        return [_short(each) for each in value[:1]]
    return value if not isinstance(value, str) or len(value) < 200 else value[:200]


def _kept(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Mapping[str, Any]:
    return old if old is not None and _fields(old) == _fields(new) else new


def _fields(example: Mapping[str, Any]) -> Any:
    """What must not change unseen: statuses and the names of fields."""
    answers = {status: _names(answer) for status, answer in example["answers"].items()}
    return answers, _names(example.get("request"))


def _names(value: Any) -> Any:
    return sorted(value) if isinstance(value, dict) else None


def _write(folder: Path, found: Mapping[str, Any]) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / "examples.json").write_text(text + "\n")


async def test_the_document_is_served(open_town: Town) -> None:
    answer: httpx.Response = await open_town.clients["intake"].get("/openapi.json")
    assert answer.json()["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
