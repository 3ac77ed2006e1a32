"""The OpenAPI document of a service, made whole: every answer, who may ask, and examples.

Owns what the framework cannot know: problem documents, security, what a repeated POST answers.
Examples are recorded from the running services; see `tests/integration/openapi`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from services.kit.audit.witness import PURPOSE, PURPOSE_PATTERN
from services.kit.identity.access import Access, Rule

Examples = Mapping[str, Mapping[str, Any]]
_PROBLEM: Final = "application/problem+json"
_TITLES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("The body cannot be read", "http"),
    401: ("No credential, or none that is good (only with identity on)", "unauthenticated"),
    403: ("The credential is not good for this (only with identity on)", "forbidden"),
    404: ("It is not there, or not yours", "not-found"),
    408: ("The request did not arrive in time", "timeout"),
    409: ("Not now: `reason` says why", "refused"),
    410: ("Whom this is about was erased", "erased"),
    413: ("The body is too large", "too-large"),
    415: ("This kind of file is not taken: `found` says what it is", "unsupported-type"),
    422: ("The request is not valid: `errors` says where", "invalid"),
    429: ("Too many requests", "too-many-requests"),
    503: ("Not yet at `after`, or not able to answer now", "behind"),
}
_ALWAYS: Final = (401, 403, 422, 429, 503)
_WITH_BODY: Final = (400, 408, 409, 413)
_HEADERS: Final[Mapping[int, str]] = {401: "WWW-Authenticate", 429: "Retry-After"}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body again gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "5f3c9a52-call-778",
}

_PURPOSE: Final = {
    "name": PURPOSE,
    "in": "header",
    "required": False,
    "description": "What the data is read for, such as a ticket; the audit keeps it.",
    "schema": {"type": "string", "pattern": PURPOSE_PATTERN},
    "example": "ticket:4711",
}


def describe(app: FastAPI, access: Access, examples: Examples) -> None:
    """Let an application describe itself whole."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(plain(), access, examples)
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign] # the framework's way


def read_examples(folder: Path) -> Examples:
    """The recorded examples of a service; none where nothing was recorded."""
    file = folder / "examples.json"
    found: Examples = json.loads(file.read_text()) if file.exists() else {}
    return found


def completed(document: dict[str, Any], access: Access, examples: Examples) -> dict[str, Any]:
    """The document with what the framework left out."""
    for route, operation in operations(document):
        _complete(route, operation, examples.get(route, {}))
        rule = access.rules.get(route)
        if rule is not None:
            operation["x-roles"] = sorted(rule.anyones | rule.owners)
            operation["x-own-only"] = sorted(rule.owners)
            operation["x-scope"] = rule.scope
            _say_what_it_shows(operation, rule)
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    components["responses"] = {f"Problem{status}": _problem(status) for status in _TITLES}
    components["securitySchemes"] = {"bearer": _BEARER}
    return document


def _say_what_it_shows(operation: dict[str, Any], rule: Rule) -> None:
    """Which private data the answer may hold; the audit notes that, and what it was for."""
    if rule.shows:
        operation["x-shows"] = sorted(rule.shows)
        operation["parameters"] = [*operation.get("parameters", []), _PURPOSE]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`GET /v1/cases` and its operation, for each there is."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def _complete(route: str, operation: dict[str, Any], examples: Mapping[str, Any]) -> None:
    method, path = route.split(" ")
    operation["security"] = [{"bearer": []}]
    if method == "POST":
        operation["parameters"] = [*operation.get("parameters", []), _KEY]
    responses = operation["responses"]
    responses.pop("422", None)
    names = {each["name"] for each in operation.get("parameters", ())}
    for status in {*_statuses(method, path, "after" in names), *_problems(responses)}:
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    for status, answer in examples.get("answers", {}).items():
        content = responses.setdefault(status, _known_again()).setdefault("content", {})
        content.setdefault("application/json", {"schema": {"type": "object"}})["example"] = answer
    if "request" in examples:
        operation["requestBody"]["content"]["application/json"]["example"] = examples["request"]


def _problems(responses: Mapping[str, Any]) -> list[int]:
    """Problems that the route itself declares."""
    return [status for status in _TITLES if str(status) in responses]


def _statuses(method: str, path: str, waits: bool) -> Iterator[int]:
    yield from _ALWAYS
    if "{" in path or waits:
        yield 404
    if method != "GET":
        yield from _WITH_BODY
    if method == "POST" or "{case_id}" in path:
        yield 410


def _known_again() -> dict[str, Any]:
    return {"description": "Known already, or joined: nothing new was made"}


def _problem(status: int) -> dict[str, Any]:
    title, kind = _TITLES[status]
    example: dict[str, Any] = {
        "type": f"https://recourse.invalid/problems/{kind}",
        "title": title,
        "status": status,
    }
    if status == 422:
        example["errors"] = [{"pointer": "/transaction/amount", "detail": "Input should be ..."}]
    schema = {"$ref": "#/components/schemas/Problem"}
    found = {
        "description": title,
        "content": {_PROBLEM: {"schema": schema, "example": example}},
    }
    if status in _HEADERS:
        found["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return found


_PROBLEM_SCHEMA: Final = {
    "title": "Problem",
    "description": "RFC 9457. `reason` is a word of a closed set; details never quote the request.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "in": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the installation's OIDC issuer, or an API key (`rk_...`). "
    "Nobody is asked on loopback while RECOURSE_IDENTITY is off.",
}
