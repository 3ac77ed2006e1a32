"""The bare baselines as processes: `python -m benchmarks.bare NAME PORT [ARGUMENT...]`.

Each does the least that a program of its kind must do, with the same libraries as the services.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import uvicorn
from fastapi import FastAPI

_GETMANY_MS = 200
_INSERT = "INSERT INTO bare_report (body) SELECT unnest($1::bytea[])"


def hello_app() -> FastAPI:
    """A FastAPI application that only says it is ready."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


def report_app() -> FastAPI:
    """Reads a report with the same model as intake and answers 201, without writing anything."""
    from benchmarks.bare_report import add_report

    app = hello_app()
    add_report(app)
    return app


def reader_app(bootstrap: str, group: str, *topics: str) -> FastAPI:
    """Reads topics with aiokafka and drops what it reads."""

    async def read() -> None:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=group)
        await consumer.start()
        try:
            while True:
                await consumer.getmany(timeout_ms=_GETMANY_MS)
        finally:
            await consumer.stop()

    return _with_task(read)


def inserter_app(bootstrap: str, topic: str, dsn: str) -> FastAPI:
    """Reads a topic and writes each batch with one INSERT..UNNEST, then commits the offset."""

    async def insert() -> None:
        import asyncpg

        connection = await asyncpg.connect(dsn)
        consumer = _group_member(bootstrap, topic)
        await consumer.start()
        try:
            while True:
                found = await consumer.getmany(timeout_ms=_GETMANY_MS, max_records=500)
                values = [record.value for batch in found.values() for record in batch]
                if values:
                    await connection.execute(_INSERT, values)
                    await consumer.commit()
        finally:
            await consumer.stop()

    return _with_task(insert)


def forwarder_app(bootstrap: str, topic: str, answers: str, dsn: str) -> FastAPI:
    """Reads a topic, writes each batch with one INSERT..UNNEST, publishes as much, commits."""

    async def forward() -> None:
        import asyncpg
        from aiokafka import AIOKafkaProducer

        connection = await asyncpg.connect(dsn)
        consumer = _group_member(bootstrap, topic)
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        await consumer.start()
        try:
            while True:
                found = await consumer.getmany(timeout_ms=_GETMANY_MS, max_records=500)
                records = [record for batch in found.values() for record in batch]
                if records:
                    await connection.execute(_INSERT, [record.value for record in records])
                    for sent in [
                        await producer.send(answers, r.value, key=r.key, headers=[*r.headers])
                        for r in records
                    ]:
                        await sent
                    await consumer.commit()
        finally:
            await consumer.stop()
            await producer.stop()

    return _with_task(forward)


def _group_member(bootstrap: str, topic: str) -> Any:
    from aiokafka import AIOKafkaConsumer

    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id="bare",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
        heartbeat_interval_ms=2000,
    )


def _with_task(work: Callable[[], Coroutine[None, None, None]]) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    app = hello_app()
    app.router.lifespan_context = lifespan
    return app


def main(name: str, port: str, *arguments: str) -> None:
    """Serve one of the baselines until told to stop."""
    makers: dict[str, Callable[..., FastAPI]] = {
        "hello": hello_app,
        "report": report_app,
        "reader": reader_app,
        "inserter": inserter_app,
        "forwarder": forwarder_app,
    }
    app = makers[name](*arguments)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", loop="uvloop")


if __name__ == "__main__":
    main(*sys.argv[1:])
