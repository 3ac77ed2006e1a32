"""A stand-in for a service: speaks the contract with the local stack, in a process of its own.

Keeps its work in its own schema: "orders" put by POST /v1/... are done when their time has come.
Run as `python fake_service.py NAME`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

PREFIX = {"intake": "/v1/cases", "escalation": "/v1/ladders", "notifier": "/v1/deliveries"}
SCHEMA = """
create table if not exists simulated_clock(single boolean primary key default true check (single),
  origin timestamptz not null, speed double precision not null, "offset" interval not null,
  moved_at timestamptz not null);
create table if not exists orders(due timestamptz primary key, done_at timestamptz);
"""
NOW = """coalesce((select origin + (clock_timestamp() - origin) * speed + "offset"
  from simulated_clock), clock_timestamp())"""


class FakeService:
    def __init__(self, name: str) -> None:
        self.name = name

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            os.environ["RECOURSE_DATABASE_DSN"], min_size=1, max_size=3
        ) as pool:
            self.pool = pool
            await pool.execute(SCHEMA)
            worker = asyncio.create_task(self.work())
            yield
            worker.cancel()

    async def work(self) -> None:
        while True:
            await self.pool.execute(
                f"update orders set done_at = {NOW} where done_at is null and due <= {NOW}"
            )
            await asyncio.sleep(0.02)

    async def quiet(self, request: Request) -> Response:
        row = await self.pool.fetchrow(
            f"""select {NOW} as now,
            count(*) filter (where done_at is null and due <= {NOW}) as due,
            count(*) filter (where done_at is not null) as done,
            min(due) filter (where done_at is null) as next_due from orders"""
        )
        return JSONResponse(
            {
                "busy": [f"due: {row['due']}"] if row["due"] else [],
                "counters": {"done": row["done"]},
                "next_due": row["next_due"].isoformat() if row["next_due"] else None,
                "now": row["now"].isoformat(),
            }
        )

    async def order(self, request: Request) -> Response:
        body = await request.json()
        await self.pool.execute(
            "insert into orders(due) values ($1::text::timestamptz)", body["due"]
        )
        return JSONResponse({"pid": os.getpid()}, status_code=201)

    async def orders(self, request: Request) -> Response:
        rows = await self.pool.fetch("select due, done_at from orders order by due")
        return JSONResponse(
            [
                [at.isoformat() if at else None for at in (row["due"], row["done_at"])]
                for row in rows
            ]
        )

    async def environment(self, request: Request) -> Response:
        return JSONResponse(dict(os.environ))

    async def ready(self, request: Request) -> Response:
        return JSONResponse({"status": "ready"})

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(
            {
                "openapi": "3.1.0",
                "info": {"title": self.name, "version": "1"},
                "paths": {PREFIX[self.name]: {"get": {}}, "/readyz": {"get": {}}},
            }
        )

    async def stream(self, request: Request) -> Response:
        async def ticks() -> AsyncIterator[bytes]:
            yield b"data: first\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(ticks(), media_type="text/event-stream")

    def app(self) -> Starlette:
        prefix = PREFIX[self.name]
        return Starlette(
            lifespan=self.lifespan,
            routes=[
                Route("/readyz", self.ready),
                Route("/openapi.json", self.openapi),
                Route("/internal/quiet", self.quiet),
                Route(prefix, self.order, methods=["POST"]),
                Route(prefix, self.orders),
                Route(prefix + "/environment", self.environment),
                Route(prefix + "/stream", self.stream),
            ],
        )


if __name__ == "__main__":
    uvicorn.run(
        FakeService(sys.argv[1]).app(),
        host=os.environ["RECOURSE_HTTP_HOST"],
        port=int(os.environ["RECOURSE_HTTP_PORT"]),
        timeout_graceful_shutdown=1,
    )
