"""The beginning of an answer, also of one that never ends: status, headers and the first bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.types import ASGIApp, Message

from tests.support.town import scope_of


async def first_part(app: ASGIApp, request: httpx.Request) -> tuple[int, Mapping[str, str], str]:
    """What came until the answer's end, or its first bytes where it streams."""
    begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    start: dict[str, Any] = {}
    body = bytearray()
    parts = [request.read()]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
            return
        body.extend(message.get("body", b""))
        if not begun.done() and (body or not message.get("more_body")):
            begun.set_result(None)

    answering = asyncio.ensure_future(app(scope_of(request), receive, send))
    both: tuple[asyncio.Future[Any], ...] = (answering, begun)
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body.decode(errors="replace")
