"""Bounds on request bodies: their size while they stream in, their JSON before it is a model.

Owns what a body may be at all. What it says is the models' to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from services.kit.faults import Invalid
from services.kit.strict_json import NotJson, read_json


def bounded(max_bytes: int) -> type[APIRoute]:
    """Routes that answer 413 to a larger body, whatever its `Content-Length` claims.

    They take JSON: a body that is something else is 422, with the place.
    """

    class BoundedRequest(Request):
        async def body(self) -> bytes:
            if not hasattr(self, "_body"):
                self._body = await _read(self, max_bytes)
            return self._body

        async def read_strictly(self) -> None:
            """Have `json()` answer what the body says, each name once."""
            if await self.body():
                self._json = _json(self.headers.get("content-type", ""), await self.body())

    class BoundedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_bounded(request: Request) -> Response:
                within = BoundedRequest(request.scope, request.receive)
                await within.read_strictly()
                return await handle(within)

            return handle_bounded

    return BoundedRoute


def _json(content_type: str, body: bytes) -> Any:
    kind = Message()
    kind["content-type"] = content_type
    subtype = kind.get_content_subtype()
    if kind.get_content_maintype() != "application" or not (
        subtype == "json" or subtype.endswith("+json")
    ):
        raise Invalid("/Content-Type", "must be application/json")
    try:
        return read_json(body)
    except NotJson as error:
        raise Invalid(error.pointer, error.detail) from error


async def _read(request: Request, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise HTTPException(413, f"the body is larger than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
