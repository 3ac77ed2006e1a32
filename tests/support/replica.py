"""A second process of a service beside the stack's own: same surroundings, another port."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.local.ports import free_port
from tests.conftest import KAFKA
from tests.support.kit import until
from tests.support.stack import ROOT, RunningStack


@dataclass(frozen=True, slots=True)
class Replica:
    """A running replica."""

    pid: int
    client: httpx.AsyncClient


@asynccontextmanager
async def second(stack: RunningStack, service: str) -> AsyncIterator[Replica]:
    """A replica that is ready; stopped in order at the end, unless the test ended it."""
    port = free_port()
    log = stack.state / f"second-{service}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "run", service),
            env=_environment(stack, service, port),
            stdout=output,
            stderr=output,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:

            async def ready() -> bool:
                assert process.returncode is None, log.read_text()[-2000:]
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready, 60)
            yield Replica(process.pid, client)
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 15)


def _environment(stack: RunningStack, service: str, port: int) -> dict[str, str]:
    described = json.loads((stack.state / "stack.json").read_text())
    ports = json.loads((stack.state / "ports.json").read_text())
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_DSN": described["dsn"][service],
        "RECOURSE_KEYS_DSN": described["dsn"]["keys"],
        "RECOURSE_MASTER_KEY": Path(described["master_key_file"]).read_text(),
        "RECOURSE_KAFKA_BOOTSTRAP": stack.kafka,
        "RECOURSE_KAFKA_PROFILE": KAFKA,
        "RECOURSE_TOPICS_PREFIX": stack.prefix,
        "RECOURSE_PARTITIONS": "12" if KAFKA == "apache" else "4",
        "RECOURSE_HTTP_HOST": "127.0.0.1",
        "RECOURSE_HTTP_PORT": str(port),
        "RECOURSE_SMTP_HOST": "127.0.0.1",
        "RECOURSE_SMTP_PORT": str(ports["smtp"]),
        "RECOURSE_ALLOW_LOCAL_WEBHOOKS": "true",
        "RECOURSE_SIMULATED_CLOCK": "true",
        "RECOURSE_EVIDENCE_STORE": (stack.state / "evidence").resolve().as_uri(),
    }
