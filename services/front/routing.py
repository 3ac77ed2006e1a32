"""One address for all services: each behind its prefixes, and nothing else of it.

Owns routing by prefix and the health of the whole. Never lets a path through that is not below a
prefix: a service's `/internal` is nobody's business out here. Decides nothing about cases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.front.openapi import merge_openapi, owns
from services.front.proxy import climbs, forward
from services.kit.http import problem

PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "intake": (
        "/v1/cases",
        "/v1/erasures",
        "/v1/imports",
        "/v1/incidents",
        "/v1/audit/intake",
        "/v1/exports/intake",
    ),
    "escalation": (
        "/v1/ladders",
        "/v1/queues",
        "/v1/roster",
        "/v1/policies",
        "/v1/audit/escalation",
        "/v1/exports/escalation",
    ),
    "notifier": (
        "/v1/deliveries",
        "/v1/recipients",
        "/v1/dossiers",
        "/v1/callbacks",
        "/v1/audit/notifier",
        "/v1/exports/notifier",
    ),
}
_HEALTH_TIMEOUT_S: Final = 2.0
_TOLD: Final = frozenset({"content-type", "www-authenticate", "retry-after"})
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Front:
    """The front's own answers; `clients` have the services' addresses as base URLs."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self._clients = clients

    def app(self, local_routes: Sequence[BaseRoute] = ()) -> Starlette:
        """The ASGI application; the local stack puts its own routes before the services'."""
        return Starlette(
            routes=[
                Route("/livez", self.livez),
                Route("/readyz", self.readyz),
                Route("/openapi.json", self.openapi),
                *local_routes,
                Route("/{path:path}", self.pass_on, methods=_METHODS),
            ]
        )

    async def livez(self, request: Request) -> Response:
        """The front itself is alive."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """200 only when every service is ready."""
        states = await asyncio.gather(*(_state(client) for client in self._clients.values()))
        services = dict(zip(self._clients, states, strict=True))
        ready = all(state == "ready" for state in states)
        body = {"status": "ready" if ready else "not ready", "services": services}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def openapi(self, request: Request) -> Response:
        """The services' documents as one."""
        try:
            answers = await asyncio.gather(
                *(_document(client, request) for client in self._clients.values())
            )
        except httpx.HTTPStatusError as error:
            return _as_answered(error.response)
        except httpx.HTTPError as error:
            return problem(
                502, "service-unavailable", "A service does not answer", detail=repr(error)
            )
        documents = dict(zip(self._clients, answers, strict=True))
        return JSONResponse(merge_openapi(documents, PREFIXES))

    async def pass_on(self, request: Request) -> Response:
        """The answer of the service whose prefix it is; 404 when it is nobody's."""
        # Not `url.path`, which ends at a question mark that was escaped.
        path: str = request.scope["path"]
        for service, client in self._clients.items():
            if owns(PREFIXES[service], path) and not climbs(path):
                return await forward(request, service, client)
        return problem(404, "not-found", f"No service answers for {path}")


async def _state(client: httpx.AsyncClient) -> str:
    try:
        answer = await client.get("/readyz", timeout=_HEALTH_TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"does not answer: {type(error).__name__}"
    return "ready" if answer.status_code == 200 else f"not ready: {answer.text[:500]}"


def _as_answered(answer: httpx.Response) -> Response:
    """What a service refuses, the front refuses alike."""
    kept = {name: value for name, value in answer.headers.items() if name in _TOLD}
    return Response(answer.content, answer.status_code, kept)


async def _document(client: httpx.AsyncClient, request: Request) -> dict[str, Any]:
    """A service's document, with the caller's own credential where there is one."""
    given = request.headers.get("authorization")
    answer = await client.get("/openapi.json", headers={"authorization": given} if given else None)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document
