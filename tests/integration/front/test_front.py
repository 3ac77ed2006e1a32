"""The front before small real services: routing, streaming, faults, health."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from services.front.routing import Front
from services.local.ports import LOOPBACK, free_port, listen
from services.local.serving import serving

DEADLINE_S = 20.0
METHODS = ["GET", "POST", "PUT", "DELETE"]


class EchoService:
    """Answers with what it was asked; its event stream goes on when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.stream_ended = asyncio.Event()
        self.asked_inside = 0

    async def echo(self, request: Request) -> Response:
        body = await request.body()
        answer = JSONResponse(
            {
                "method": request.method,
                "path": request.scope["raw_path"].decode(),
                "query": request.scope["query_string"].decode(),
                "headers": dict(request.headers),
                "length": len(body),
                "body": body[:100].decode("latin-1"),
            },
            status_code=201,
        )
        answer.raw_headers += [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        return answer

    async def inside(self, request: Request) -> Response:
        self.asked_inside += 1
        return JSONResponse({"secret": True})

    async def zipped(self, request: Request) -> Response:
        return Response(gzip.compress(b"plain"), headers={"content-encoding": "gzip"})

    async def events(self, request: Request) -> Response:
        async def ticks() -> AsyncIterator[bytes]:
            try:
                yield b"data: first\n\n"
                await self.go_on.wait()
                yield b"data: second\n\n"
                await asyncio.Event().wait()
            finally:
                self.stream_ended.set()

        return StreamingResponse(ticks(), media_type="text/event-stream")

    async def ready(self, request: Request) -> Response:
        return JSONResponse({})

    async def openapi(self, request: Request) -> Response:
        paths = {"/v1/cases": {"get": {"summary": "Find"}}, "/readyz": {"get": {}}}
        return JSONResponse({"info": {"title": "intake", "version": "1"}, "paths": paths})

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/readyz", self.ready),
                Route("/internal/quiet", self.inside),
                Route("/metrics", self.inside),
                Route("/openapi.json", self.openapi),
                Route("/v1/cases/zipped", self.zipped),
                Route("/v1/cases/events", self.events),
                Route("/v1/cases{rest:path}", self.echo, methods=METHODS),
            ]
        )


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


@pytest_asyncio.fixture
async def service() -> EchoService:
    return EchoService()


@pytest_asyncio.fixture
async def front(service: EchoService) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a front with intake real, and a notifier that hangs up on every request."""
    broken = await asyncio.start_server(hang_up, LOOPBACK, 0)
    broken_url = f"http://{LOOPBACK}:{broken.sockets[0].getsockname()[1]}"
    async with (
        serving(service.app(), listen(0)) as address,
        httpx.AsyncClient(base_url=address) as intake,
        httpx.AsyncClient(base_url=broken_url) as notifier,
        serving(Front({"intake": intake, "notifier": notifier}).app(), listen(0)) as front_address,
        httpx.AsyncClient(base_url=front_address, timeout=DEADLINE_S) as client,
    ):
        yield client
    broken.close()
    await broken.wait_closed()


async def test_method_path_query_headers_and_body_reach_the_service(
    front: httpx.AsyncClient,
) -> None:
    url = "/v1/cases/a%2Fb/commands?after=cases%3A17&x=%E6%B1%89"
    answer = await front.post(url, content=b"{}", headers={"Idempotency-Key": "k1", "TE": "x"})
    seen = answer.json()
    assert answer.status_code == 201
    assert (seen["method"], seen["body"]) == ("POST", "{}")
    assert f"{seen['path']}?{seen['query']}" == url
    assert seen["headers"]["idempotency-key"] == "k1"
    assert seen["headers"]["x-forwarded-for"] == LOOPBACK
    assert "te" not in seen["headers"]
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_a_streamed_body_of_unknown_length_arrives_whole(front: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536

    answer = await front.put("/v1/cases/1", content=chunks())
    assert answer.json()["length"] == 64 * 65_536


async def test_no_header_is_added_that_changes_the_answer(front: httpx.AsyncClient) -> None:
    bare = httpx.Request("GET", front.base_url.join("/v1/cases/1"))
    seen = (await front.send(bare)).json()["headers"]
    assert "accept-encoding" not in seen
    assert "user-agent" not in seen


async def test_a_compressed_answer_is_passed_on_as_it_is(front: httpx.AsyncClient) -> None:
    async with front.stream("GET", "/v1/cases/zipped") as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == b"plain"


async def test_events_stream_as_they_come_and_end_when_the_reader_leaves(
    front: httpx.AsyncClient, service: EchoService
) -> None:
    async with asyncio.timeout(DEADLINE_S):
        async with front.stream("GET", "/v1/cases/events") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "data: first"
            service.go_on.set()
            assert await anext(lines) == ""
            assert await anext(lines) == "data: second"
        await service.stream_ended.wait()


async def test_a_service_that_hangs_up_is_a_problem_502(front: httpx.AsyncClient) -> None:
    answer = await front.get("/v1/deliveries")
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["service"] == "notifier"


async def test_a_path_of_nobody_is_a_problem_404(front: httpx.AsyncClient) -> None:
    for path in ("/v1/casesque", "/internal/quiet", "/"):
        answer = await front.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/cases/../../internal/quiet",
        "/v1/cases/%2e%2e/%2E%2E/internal/quiet",
        "/v1/cases/..%2f..%2finternal/quiet",
        "/v1/cases/x%3F/../../../internal/quiet",
        "/v1/cases/%2e/../..//internal/quiet",
        "/internal/quiet",
        "//internal/quiet",
        "/metrics",
    ],
)
async def test_nothing_of_a_service_but_its_prefixes_can_be_reached(
    front: httpx.AsyncClient, service: EchoService, target: str
) -> None:
    """As bytes on the wire: a client of good manners would resolve the dots itself."""
    reader, writer = await asyncio.open_connection(front.base_url.host, front.base_url.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: front\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 "), answer
    assert b"No service answers" in answer
    assert service.asked_inside == 0


async def test_the_front_lives_but_is_not_ready_while_a_service_is_not(
    front: httpx.AsyncClient,
) -> None:
    assert (await front.get("/livez")).status_code == 200
    ready = await front.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["services"]["intake"] == "ready"
    assert ready.json()["services"]["notifier"] != "ready"


async def test_openapi_needs_every_service(front: httpx.AsyncClient) -> None:
    assert (await front.get("/openapi.json")).status_code == 502


async def test_a_request_waits_for_a_service_that_is_starting_again(
    service: EchoService,
) -> None:
    port = free_port()
    async with (
        httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}") as intake,
        serving(Front({"intake": intake}).app(), listen(0)) as front_address,
        httpx.AsyncClient(base_url=front_address, timeout=DEADLINE_S) as client,
    ):
        asking = asyncio.create_task(client.post("/v1/cases", content=b"once"))
        assert (await client.get("/readyz")).status_code == 503
        async with serving(service.app(), listen(port)):
            answer = await asking
    assert (answer.status_code, answer.json()["body"]) == (201, "once")
