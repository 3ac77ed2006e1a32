"""Reads the bodies of requests within bounds of size, depth and time, before they are parsed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from starlette.types import Message, Receive

from services.kit.identity.denial import not_json, too_deep, too_large, too_slow
from services.kit.strict_json import NotJson, read_json

MAX_DEPTH: Final = 64
_OPEN: Final = b"{["
_CLOSE: Final = b"}]"


async def read_body(receive: Receive, max_bytes: int, timeout_s: float) -> bytes | None:
    """The whole body; None where the client left. Raises `Denied`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, max_bytes)
    except TimeoutError:
        raise too_slow() from None


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            raise too_large(max_bytes)
        if not message.get("more_body", False):
            return b"".join(chunks)


def check_depth(body: bytes, max_depth: int = MAX_DEPTH) -> None:
    """Raises `Denied` for JSON that is nested deeper. Few brackets are never deep."""
    if body.count(b"{") + body.count(b"[") <= max_depth:
        return
    depth = 0
    for byte in _outside_strings(body):
        depth += (byte in _OPEN) - (byte in _CLOSE)
        if depth > max_depth:
            raise too_deep(max_depth)


def _outside_strings(body: bytes) -> Iterator[int]:
    inside = escaped = False
    for byte in body:
        if inside:
            inside = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
        elif byte == 0x22:
            inside = True
        else:
            yield byte


def parsed(body: bytes) -> Any:
    """The JSON of a body, of which nobody else can read something else. Raises `Denied`."""
    try:
        return read_json(body)
    except NotJson as error:
        raise not_json(error.pointer, error.detail) from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more; then whatever comes after it."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
