"""Asking services until they are quiet, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.local.ports import LOOPBACK, free_port, listen
from services.local.quiet import NotQuiet, QuietWatch
from services.local.serving import serving

Answers = Callable[[int], dict[str, Any]]


class CountingService:
    """Answers its n-th request with `answers(n)`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: Answers = idle
        self.since: list[int] = []

    async def quiet(self, request: Request) -> Response:
        self.since.append(int(request.query_params["since"]))
        return JSONResponse(self.answers(len(self.since)))


def report(busy: list[str], applied: int) -> dict[str, Any]:
    return {"busy": busy, "counters": {"applied": applied}, "next_due": None, "now": ""}


def idle(asked: int) -> dict[str, Any]:
    return report([], 0)


@pytest_asyncio.fixture
async def service() -> CountingService:
    return CountingService()


@pytest_asyncio.fixture
async def client(service: CountingService) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/internal/quiet", service.quiet)])
    async with (
        serving(app, listen(0)) as address,
        httpx.AsyncClient(base_url=address) as client,
    ):
        yield client


async def test_idle_services_are_asked_twice_and_about_the_same_instant(
    service: CountingService, client: httpx.AsyncClient
) -> None:
    await QuietWatch({"one": client}).wait()
    assert len(service.since) == 2
    assert len(set(service.since)) == 1


async def test_it_waits_for_the_busy_and_for_what_is_still_counted(
    service: CountingService, client: httpx.AsyncClient
) -> None:
    service.answers = lambda asked: report(["due: 1"] if asked < 4 else [], min(asked, 8))
    seen = await QuietWatch({"one": client}).wait()
    assert seen["one"].counters == {"applied": 8}
    assert len(service.since) == 9


async def test_without_progress_it_names_what_is_outstanding(
    service: CountingService, client: httpx.AsyncClient
) -> None:
    service.answers = lambda asked: report(["due: 1"], min(asked, 5))
    async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{free_port()}") as nobody:
        watch = QuietWatch({"one": client, "two": nobody}, no_progress_s=0.1)
        with pytest.raises(NotQuiet) as told:
            await watch.wait()
    first, second = told.value.outstanding
    assert first == "one: due: 1"
    assert second.startswith("two: does not answer")
    assert len(service.since) > 5
