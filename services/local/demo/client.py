"""HTTP as the demo speaks it: patient where a service restarts, strict about answers.

Owns retries (the same request with the same Idempotency-Key) and their end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import httpx

from services.local.demo.faults import DemoFailed

_PATIENCE_S: Final = 60.0
_PAUSE_S: Final = 0.1
_CLOCK_TIMEOUT_S: Final = 600.0
_AT_ONCE: Final = 8
_AWAY: Final = frozenset({502, 503})
"""Answers of a service that is starting again or behind."""

Query = Mapping[str, str | int]


class UnexpectedAnswerError(Exception):
    """A service answered what the demo's script does not allow for."""


class Api:
    """The stack's one address."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def get(self, path: str, query: Query | None = None) -> Any:
        """The body of a 200. Raises `UnexpectedAnswerError`."""
        return _expected(await self._send("GET", path, params=dict(query or {})), 200)

    async def items(self, path: str, query: Query) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, {**query, **cursor})
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    async def post(
        self, path: str, body: Any, key: str, query: Query | None = None
    ) -> httpx.Response:
        """The answer to a POST with this Idempotency-Key, whatever its status."""
        headers = {"Idempotency-Key": key}
        return await self._send("POST", path, json=body, headers=headers, params=dict(query or {}))

    async def order(
        self, path: str, body: Any, key: str, query: Query | None = None
    ) -> dict[str, Any]:
        """The body of a POST that must succeed. Raises `UnexpectedAnswerError`."""
        answer: dict[str, Any] = _expected(await self.post(path, body, key, query), 200, 201)
        return answer

    async def go_to(self, at: datetime) -> None:
        """Advances the simulated clock; answered when all that follows is done."""
        body = {"to": at.isoformat()}
        _expected(
            await self._send("POST", "/local/clock", json=body, timeout=_CLOCK_TIMEOUT_S), 200
        )

    async def until_quiet(self) -> None:
        """Answered when nothing is in flight. Raises `DemoFailed` when it goes on and on."""
        await self._wait("/local/quiet", {})

    async def _wait(self, path: str, body: dict[str, str]) -> None:
        answer = await self._send("POST", path, json=body, timeout=_CLOCK_TIMEOUT_S)
        if answer.status_code != 200:
            raise DemoFailed(f"{path}: {answer.status_code} {answer.text}")

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            answer = await self._try(method, path, options)
            if isinstance(answer, httpx.Response) and answer.status_code not in _AWAY:
                return answer
            if asyncio.get_running_loop().time() > deadline:
                raise DemoFailed(f"{method} {path}: still no answer: {answer!r}")
            await asyncio.sleep(_PAUSE_S)

    async def _try(
        self, method: str, path: str, options: dict[str, Any]
    ) -> httpx.Response | httpx.TransportError:
        try:
            async with self._turns:
                return await self._client.request(method, path, **options)
        except httpx.ReadTimeout:
            raise
        except httpx.TransportError as error:
            return error


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Api]:
    """A client of the stack at this address."""
    async with httpx.AsyncClient(base_url=address, timeout=_PATIENCE_S, trust_env=False) as client:
        yield Api(client)


def _expected(answer: httpx.Response, *statuses: int) -> Any:
    if answer.status_code not in statuses:
        request = answer.request
        raise UnexpectedAnswerError(
            f"{request.method} {request.url.path}: {answer.status_code} {answer.text[:600]}"
        )
    return answer.json()
