"""Start-up: from the start of a process until its `/readyz` is 200, on a migrated database."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from benchmarks.ground import Ground, bare_environment
from benchmarks.measurement import Better, Row, Samples
from benchmarks.sizes import Sizes
from benchmarks.spawn import ran, spawned
from schemas.topics import SERVICES
from services.local.ports import free_port

_GOAL_S: Final = 3.0
_HELLO: Final = "a bare FastAPI application"
_IMPORTS: Final = "import fastapi, faststream.kafka, asyncpg, pydantic_settings"


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Each service beside a bare FastAPI application, and that beside importing the libraries."""
    place = await ground.place()
    for service in SERVICES:
        async with place.service(service):
            pass  # the first start migrates; that is not what is measured
    seconds: dict[str, list[float]] = defaultdict(list)
    # In turns, so that whatever else the machine does befalls all of them alike.
    for _ in range(sizes.starts):
        seconds[_IMPORTS].append(await ran([sys.executable, "-c", _IMPORTS], bare_environment()))
        seconds[_HELLO].append(await _hello_s(ground))
        for service in SERVICES:
            async with place.service(service) as process:
                seconds[service].append(process.ready_s)
    return [
        _row(_HELLO, seconds[_HELLO], seconds[_IMPORTS], "importing the libraries"),
        *(_row(name, seconds[name], seconds[_HELLO], _HELLO, _GOAL_S) for name in SERVICES),
    ]


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
