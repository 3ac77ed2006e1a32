"""Reads a recipient's inbox as an app does: server-sent events, resumed by Last-Event-ID."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx

_READ_S = 20


async def messages(
    client: httpx.AsyncClient, recipient: str, number: int, last_event_id: str | None = None
) -> list[dict[str, Any]]:
    """The first messages of an inbox after the one named, each with its event's id as `sse_id`."""
    found: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(_READ_S),
        aclosing(_stream(client, recipient, last_event_id)) as all_,
    ):
        async for message in all_:
            found.append(message)
            if len(found) == number:
                return found
    raise AssertionError(f"the inbox ended after {len(found)} messages")


async def _stream(
    client: httpx.AsyncClient, recipient: str, last_event_id: str | None
) -> AsyncGenerator[dict[str, Any], None]:
    headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
    path = f"/v1/recipients/{recipient}/inbox"
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, text = line.partition(": ")
                fields[name] = text
            elif "data" in fields:
                yield {**json.loads(fields["data"]), "sse_id": fields["id"]}
                fields = {}
