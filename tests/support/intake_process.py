"""Intake as a process of its own, on a real database; stopped in the end, however a test ends."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from services.local.broker import BrokerAddress
from tests.support.kit import MASTER, until

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of intake, ready, which ends in order."""
    environment = {
        "RECOURSE_KAFKA_BOOTSTRAP": broker.bootstrap,
        "RECOURSE_KAFKA_PROFILE": broker.profile.value,
        "RECOURSE_TOPICS_PREFIX": prefix,
        "RECOURSE_PARTITIONS": str(broker.profile.partitions),
        "RECOURSE_EVIDENCE_STORE": "memory:///",
    }
    async with started(dsns, "/readyz", environment) as (client, process):
        yield client
        process.terminate()
        # uvicorn stops in order, then dies of the very signal, as a shell expects.
        assert await asyncio.wait_for(process.wait(), 10) in {0, -signal.SIGTERM}


@asynccontextmanager
async def started(
    dsns: dict[str, str], until_path: str, settings: Mapping[str, str]
) -> AsyncIterator[tuple[httpx.AsyncClient, Process]]:
    """A process that has answered 200 at a path, and a client of it; killed in the end."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_DSN": dsns["intake"],
        "RECOURSE_KEYS_DSN": dsns["keys"],
        "RECOURSE_MASTER_KEY": base64.b64encode(MASTER).decode(),
        "RECOURSE_HTTP_PORT": str(port),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "run", "intake", env=environment
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def answers() -> bool:
                assert process.returncode is None, "intake ended by itself"
                try:
                    return (await client.get(until_path)).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answers)
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
