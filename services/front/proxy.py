"""Passes a request on to a service and its answer back, both as streams.

Retries only what was certainly not sent. Never reads or changes a body.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.kit.http import problem

log = logging.getLogger(__name__)

# RFC 9110, section 7.6.1.
_HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
_RETRY_S: Final = 5.0
_RETRY_PAUSE_S: Final = 0.05
# An answer may take as long as it likes: event streams never end.
_TIMEOUTS: Final = {"timeout": {"connect": 2.0, "read": None, "write": None, "pool": None}}

Headers = list[tuple[bytes, bytes]]


async def forward(request: Request, service: str, client: httpx.AsyncClient) -> Response:
    """The service's answer, or problem 502 when it cannot be had."""
    try:
        answer = await _send(client, _outgoing(request, client))
    except httpx.HTTPError as error:
        log.info("no answer of %s to %s %s: %r", service, request.method, request.url.path, error)
        return problem(502, "service-unavailable", f"{service} does not answer", service=service)
    response = StreamingResponse(_body(answer), status_code=answer.status_code)
    response.raw_headers = end_to_end(answer.headers.raw)
    return response


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers that are not of one connection only, names in lower case."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = {
        token.strip().lower()
        for name, value in lowered
        if name == b"connection"
        for token in value.split(b",")
    }
    return [(name, value) for name, value in lowered if name not in _HOP_BY_HOP | named]


def climbs(path: str) -> bool:
    """Whether a decoded path has a segment `.` or `..`, which the client would resolve.

    What is below a prefix for whoever routes would be elsewhere for whoever answers.
    """
    return not {".", ".."}.isdisjoint(path.split("/"))


def _outgoing(request: Request, client: httpx.AsyncClient) -> httpx.Request:
    """The same request to the service; built bare, without the client's default headers."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    target = path + (b"?" + query if query else b"")
    return httpx.Request(
        request.method,
        client.base_url.copy_with(raw_path=target),
        headers=[*end_to_end(request.headers.raw), *_forwarded(request)],
        content=request.stream() if _has_body(request) else None,
        extensions=_TIMEOUTS,
    )


def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return length != "0" or "transfer-encoding" in request.headers


def _forwarded(request: Request) -> Headers:
    host = request.client.host if request.client else "unknown"
    return [(b"x-forwarded-for", host.encode()), (b"x-forwarded-proto", b"http")]


async def _send(client: httpx.AsyncClient, outgoing: httpx.Request) -> httpx.Response:
    """Connecting is tried again while a service restarts: nothing of the request is sent then."""
    deadline = time.monotonic() + _RETRY_S
    while True:
        try:
            return await client.send(outgoing, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_RETRY_PAUSE_S)


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
