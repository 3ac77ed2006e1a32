"""`recourse demo` as a user runs it, undisturbed and with services killed meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.local.state import read_description
from tests.conftest import KAFKA
from tests.support.kit import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PATHS = {"phone", "senior", "email", "social", "regulator"}
START_S = 180.0
MOMENT_S = 300.0
HEAL_S = 60.0
KILLS = (
    ("intake", "2026-11-20T09:08:00+08:00"),
    ("escalation", "2026-11-20T10:10:00+08:00"),
    ("notifier", "2026-11-20T11:00:00+08:00"),
    ("escalation", "2026-11-23T09:00:00+08:00"),
)


@asynccontextmanager
async def demo(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running demo; ended on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "demo", "--json", "--kafka", KAFKA, *options,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def outcome(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The object on the last line of a demo that must end well."""
    out, err = await process.communicate()
    assert process.returncode == 0, f"{out.decode()}\n{err.decode()}"
    result: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    return result


async def test_the_demo_goes_as_the_policy_says() -> None:
    async with demo() as process:
        result = await outcome(process)
    assert result["cases"] >= 60
    assert result["rungs"].keys() == PATHS
    assert result["deliveries"].keys() == {"email", "in_app"}
    assert all(
        statuses.keys() <= {"sent", "confirmed"} for statuses in result["deliveries"].values()
    )
    assert result["timer_lag_ms"].keys() == {"p50", "p99", "max"}
    found = {name: result[name] for name in ("lost", "duplicates", "late", "resent", "differences")}
    assert found == {"lost": 0, "duplicates": 0, "late": 0, "resent": 0, "differences": []}


async def test_the_demo_ends_right_although_each_service_is_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="rcd") as folder:
        async with demo("--disturbed", "--state", folder) as process:
            ending = asyncio.create_task(outcome(process))
            async with stack_of(Path(folder)) as client:
                for service, at in KILLS:
                    await kill_when(client, service, datetime.fromisoformat(at))
            result = await ending
    found = {name: result[name] for name in ("lost", "duplicates", "differences")}
    assert found == {"lost": 0, "duplicates": 0, "differences": []}
    assert result["rungs"].keys() == PATHS


@asynccontextmanager
async def stack_of(state: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the stack that the demo runs on."""

    async def is_up() -> bool:
        return read_description(state) is not None

    await until(is_up, START_S)
    description = read_description(state)
    assert description is not None
    async with httpx.AsyncClient(base_url=description["http"], trust_env=False) as client:
        yield client


async def kill_when(client: httpx.AsyncClient, service: str, at: datetime) -> None:
    """kill -9 once the demo's clock has come to an instant; waits until the service is back."""

    async def process() -> dict[str, Any]:
        return dict((await client.get("/local/processes")).json()[service])

    async def has_come() -> bool:
        now = (await client.get("/local/clock")).json()["now"]
        return datetime.fromisoformat(now) >= at and (await process())["ready"]

    await until(has_come, MOMENT_S)
    before = await process()
    os.kill(before["pid"], signal.SIGKILL)

    async def is_back() -> bool:
        now = await process()
        return bool(now["restarts"] > before["restarts"] and now["ready"])

    await until(is_back, HEAL_S)
