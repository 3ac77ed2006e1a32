"""The stack behind its fault proxies, and the hooks' endpoint beside it.

Owns start and stop, the processes by name, domain time. Injects nothing by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from schemas.topics import SERVICES
from services.local.ports import free_port
from tests.chaos.evidence import Span
from tests.chaos.packs import write_pack
from tests.chaos.proxy import LOOPBACK, FaultProxy
from tests.support.http_endpoint import Endpoint, answering
from tests.support.kit import until
from tests.support.stack import RunningStack, described, environment, stop

ROADS = ("postgres", "kafka", "smtp")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start a world. `flowing_clock`: time is simulated, and flows as fast as real time."""

    state: Path
    kafka: str
    budgets: Mapping[str, Mapping[str, int]]
    flowing_clock: bool = False


@dataclass
class World:
    """A running stack, and the ways to hurt it."""

    stack: RunningStack
    kafka: str
    proxies: Mapping[str, FaultProxy]
    endpoint: Endpoint
    flowing_clock: bool
    jumped_s: float = 0.0
    stands_at: float | None = None
    spans: list[Span] = field(default_factory=list)

    @property
    def services(self) -> Mapping[str, str]:
        """The address of each service, without the front."""
        described: Mapping[str, Any] = json.loads((self.stack.state / "stack.json").read_text())
        addresses: Mapping[str, str] = described["services"]
        return addresses

    async def every(self, service: str, path: str) -> list[dict[str, Any]]:
        """A list that a service shows to those who run it, page after page."""
        found: list[dict[str, Any]] = []
        last: dict[str, str] = {}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            while True:
                answer = await client.get(self.services[service] + path, params=last)
                assert answer.status_code == 200, answer.text
                if not answer.json():
                    return found
                found += answer.json()
                last = {"after_at": found[-1]["at"], "after_hash": found[-1]["hash"]}

    @property
    def client(self) -> httpx.AsyncClient:
        """The front's client."""
        return self.stack.client

    def now(self) -> float:
        """Domain time, in seconds since 1970."""
        return time.time() + self.jumped_s if self.stands_at is None else self.stands_at

    def now_text(self) -> str:
        """Domain time as a report writes it."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat()

    async def pid(self, name: str) -> int:
        """The pid of a process of the stack, once it has one."""
        found = 0

        async def there() -> bool:
            nonlocal found
            with suppress(httpx.TransportError):
                found = (await self.stack.processes())[name]["pid"] or 0
            return found > 0

        await until(there, 180)
        return found

    async def send(self, name: str, signum: signal.Signals) -> None:
        """Send a process a signal; if it is gone already, the one that follows it."""
        while True:
            with suppress(ProcessLookupError):
                os.kill(await self.pid(name), signum)
                return
            await asyncio.sleep(0.02)

    async def healed(self, timeout_s: float = 90) -> None:
        """Wait until every service is ready."""

        async def ready() -> bool:
            with suppress(httpx.TransportError):
                return (await self.client.get("/readyz")).status_code == 200
            return False

        await until(ready, timeout_s)

    async def service_ready(self, name: str, timeout_s: float = 90) -> None:
        """Wait until a service is ready, seen past the front."""
        await _answers(self.services[name] + "/readyz", timeout_s)

    async def execute(self, statement: str, *arguments: object) -> None:
        """A statement as the superuser, straight to the server."""
        connection = await asyncpg.connect(self.stack.postgres, timeout=10)
        try:
            await connection.execute(statement, *arguments)
        finally:
            await connection.close()

    async def jump(self, by_s: float) -> None:
        """Have the database's clock jump: the row of each schema at once, as a step of NTP."""
        jumped_s = self.jumped_s + by_s
        # The whole offset, not a step: after a lost connection it is safe to say it again.
        sets = ";".join(
            f"UPDATE {name}.simulated_clock SET \"offset\" = interval '{jumped_s} seconds'"
            for name in SERVICES
        )
        await self.execute(f"BEGIN; {sets}; COMMIT; SELECT pg_notify('recourse_clock', '')")
        before, self.jumped_s = self.now(), jumped_s
        self.spans.append(Span("clock_jump", "clock", min(before, self.now()), self.now()))

    async def stand_still(self) -> None:
        """Stop the clock, so that what is read at the end is of one instant."""
        stands_at = self.now()
        sets = ";".join(
            f"UPDATE {name}.simulated_clock SET speed = 0, moved_at = clock_timestamp(), "
            f'"offset" = to_timestamp({stands_at}) - origin'
            for name in SERVICES
        )
        await self.execute(f"BEGIN; {sets}; COMMIT; SELECT pg_notify('recourse_clock', '')")
        self.stands_at = stands_at


@asynccontextmanager
async def world(plan: Plan) -> AsyncIterator[World]:
    """A stack that is ready, behind proxies; stopped in order at the end, its state kept."""
    ports = _ports(plan.state)
    proxies = {name: FaultProxy(free_port(), ports[name], name == "kafka") for name in ROADS}
    async with AsyncExitStack() as parts:
        for proxy in proxies.values():
            await parts.enter_async_context(proxy)
        endpoint = parts.enter_context(answering())
        pack = write_pack(plan.state, plan.budgets, endpoint.url)
        stack = await parts.enter_async_context(_started(plan, pack, proxies))
        if plan.flowing_clock:
            await _let_flow(stack)
        yield World(stack, plan.kafka, proxies, endpoint, plan.flowing_clock)
        for proxy in proxies.values():
            proxy.heal()


@asynccontextmanager
async def _started(
    plan: Plan, pack: Path, proxies: Mapping[str, FaultProxy]
) -> AsyncIterator[RunningStack]:
    clock = ["--clock", datetime.now(UTC).isoformat()] if plan.flowing_clock else []
    ports = json.dumps({name: proxy.port for name, proxy in proxies.items()})
    with (plan.state / "up.log").open("ab") as complaints:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.launch", "--state", str(plan.state)),
            *("--kafka", plan.kafka, "--port", str(free_port()), "--pack", str(pack)),
            *("--proxies", ports, *clock),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
        )
    try:
        async with described(process, plan.state) as stack:
            yield stack
    finally:
        await stop(process, plan.state)


def _ports(state: Path) -> dict[str, int]:
    """The ports that the stack will find remembered, so that the proxies can know them before."""
    file = state / "ports.json"
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    for name in ROADS:
        while name not in known or list(known.values()).count(known[name]) > 1:
            known[name] = free_port()
    file.write_text(json.dumps(known))
    return known


async def _let_flow(stack: RunningStack) -> None:
    connection = await asyncpg.connect(stack.postgres)
    try:
        for name in SERVICES:
            await connection.execute(
                f"UPDATE {name}.simulated_clock SET speed = 1, origin = clock_timestamp(), "
                "\"offset\" = interval '0'"
            )
    finally:
        await connection.close()


@asynccontextmanager
async def replica(home: World, service: str) -> AsyncIterator[int]:
    """A second process of a service in the first one's surroundings; answers its pid."""
    raw = Path(f"/proc/{await home.pid(service)}/environ").read_bytes()
    pairs = (part.partition("=") for part in raw.decode().split("\0") if part)
    surroundings = {name: text for name, _, text in pairs}
    surroundings["RECOURSE_HTTP_PORT"] = str(free_port())
    with (home.stack.state / f"replica-{service}.log").open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "run", service),
            env=surroundings,
            stdout=output,
            stderr=output,
        )
    try:
        await _answers(f"http://{LOOPBACK}:{surroundings['RECOURSE_HTTP_PORT']}/livez", 60)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _answers(url: str, timeout_s: float) -> None:
    """Wait until an address answers with 200."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def well() -> bool:
            with suppress(httpx.TransportError):
                return (await client.get(url)).status_code == 200
            return False

        await until(well, timeout_s)
