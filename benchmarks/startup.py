"""Start-up: from the start of a process until its `/readyz` is 200, on a migrated database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from benchmarks.ground import Ground, bare_environment
from benchmarks.measurement import Better, Row, Samples
from benchmarks.sizes import Sizes
from benchmarks.spawn import ran, spawned
from schemas.topics import SERVICES
from services.local.ports import free_port

_GOAL_S: Final = 3.0
_IMPORTS: Final = "import fastapi, faststream.kafka, asyncpg, pydantic_settings"


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Each service beside a process that only imports, and beside a bare FastAPI application."""
    place = await ground.place()
    environment = bare_environment()
    imports = [
        await ran([sys.executable, "-c", _IMPORTS], environment) for _ in range(sizes.starts)
    ]
    hello = [await _hello_s(ground) for _ in range(sizes.starts)]
    rows = [_row("a bare FastAPI application", hello, imports, "importing the libraries")]
    for service in SERVICES:
        async with place.service(service):
            pass  # the first start migrates; that is not what is measured
        seconds = []
        for _ in range(sizes.starts):
            async with place.service(service) as process:
                seconds.append(process.ready_s)
        rows.append(_row(service, seconds, hello, "a bare FastAPI application", _GOAL_S))
    return rows


async def _hello_s(ground: Ground) -> float:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare", "hello", str(port)]
    log = ground.folder / "hello.log"
    async with spawned(command, bare_environment(), port, log=log) as process:
        return process.ready_s


def _row(
    what: str, ours: list[float], bare: list[float], name: str, goal: float | None = None
) -> Row:
    return Row(
        f"start-up of {what}", "s", Samples.of(ours), name, Samples.of(bare), Better.LOWER, goal
    )
