"""`recourse front` as a process, and the health check that runs beside it in its container."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.local.ports import LOOPBACK, free_port, listen
from services.local.serving import serving
from tests.support.kit import until
from tests.support.stack import ROOT


class Service:
    """Answers for all three services; ready when it is told to be."""

    def __init__(self) -> None:
        self.ready = False

    def app(self) -> Starlette:
        async def readyz(_: Request) -> JSONResponse:
            return JSONResponse({}, 200 if self.ready else 503)

        async def cases(_: Request) -> JSONResponse:
            return JSONResponse({"items": []})

        return Starlette(routes=[Route("/readyz", readyz), Route("/v1/cases", cases)])


def environment(port: int, behind: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_HTTP_PORT": str(port),
        **{f"RECOURSE_{name}_URL": behind for name in ("INTAKE", "ESCALATION", "NOTIFIER")},
    }


@asynccontextmanager
async def running(port: int, behind: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "front"), env=environment(port, behind)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def health(port: int, behind: str) -> tuple[int | None, str]:
    """The exit code of the health check and what it printed."""
    check = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.healthy"),
        env=environment(port, behind),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await check.communicate()
    return check.returncode, said.decode()


async def test_it_serves_says_how_it_is_and_ends_when_told() -> None:
    service, port = Service(), free_port()
    async with serving(service.app(), listen(0)) as behind, running(port, behind) as process:
        base = f"http://{LOOPBACK}:{port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/livez")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers)
            assert (await client.get("/v1/cases")).json() == {"items": []}
            assert (await client.get("/local/clock")).status_code == 404
        code, said = await health(port, behind)
        assert code == 1
        assert '"intake":"not ready' in said
        service.ready = True
        code, said = await health(port, behind)
        assert (code, '"status":"ready"' in said) == (0, True)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) in {0, -signal.SIGTERM}
    code, said = await health(port, behind)
    assert code == 1
    assert said.startswith("no answer: ConnectionRefusedError")
