"""`recourse up` as a user starts it: a subprocess in a temporary state folder, on free ports.

Owns start, stop and the ways to hurt it. Speaks to it only by what it prints and serves.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from services.local.ports import free_port
from tests.conftest import KAFKA
from tests.support.kit import until

ROOT = Path(__file__).parents[2]
START = "2026-11-20T09:50:00+08:00"
SERVICES = ("intake", "escalation", "notifier")
_START_S = 120
_STOP_S = 15
_HEAL_S = 60
# As the front says while what is behind it restarts; a client asks again.
_PASSING = (502, 503)


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A running stack: what it printed, its front's client, where its state is."""

    http: str
    kafka: str
    postgres: str
    prefix: str
    state: Path
    client: httpx.AsyncClient

    async def processes(self) -> dict[str, Any]:
        """`/local/processes`."""
        answer = await self.client.get("/local/processes")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def end(self, name: str, signum: signal.Signals = signal.SIGKILL) -> int:
        """Send a process a signal; answers how often it had been restarted before."""
        process = (await self.processes())[name]
        os.kill(process["pid"], signum)
        return int(process["restarts"])

    async def back(self, name: str, restarts: int) -> None:
        """Wait until a process that was ended runs again and all services are ready."""

        last = ""

        async def healed() -> bool:
            nonlocal last
            process = (await self.processes())[name]
            answer = await self.client.get("/readyz")
            last = f"{name}: {process}; {answer.text}"
            again = process["restarts"] > restarts and process["ready"]
            return bool(again and answer.status_code == 200)

        try:
            await until(healed, _HEAL_S)
        except AssertionError as error:
            raise AssertionError(f"{last}\n{_log(self.state)}") from error

    async def quiet(self) -> None:
        """Wait until nothing is in flight."""
        answer = await self.client.post("/local/quiet")
        assert answer.status_code == 200, answer.text

    async def to(self, instant: str) -> None:
        """Advance the clock to an instant of 2026 in Shanghai, such as `11-20T10:10`."""
        answer = await self.client.post("/local/clock", json={"to": f"2026-{instant}:00+08:00"})
        assert answer.status_code == 200, answer.text

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows, as the superuser of the printed address sees them."""
        connection = await asyncpg.connect(self.postgres)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def recourse(self, *arguments: str) -> Any:
        """The JSON that `recourse ...` prints about this stack."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", *arguments, "--state", str(self.state)),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return json.loads(said)

    async def persist(self, send: Callable[[], Any]) -> httpx.Response:
        """Send a request again, as a client does, until it is answered for good."""
        async with asyncio.timeout(_HEAL_S):
            while True:
                try:
                    answer: httpx.Response = await send()
                except httpx.TransportError:
                    continue
                if answer.status_code not in _PASSING:
                    return answer
                await asyncio.sleep(0.05)


@asynccontextmanager
async def recourse_up(clock: str | None = START, *options: str) -> AsyncIterator[RunningStack]:
    """A stack that is ready; stopped at the end, which must go well, its state removed."""
    # Short, since PostgreSQL's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="rc", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        with (state / "up.log").open("wb") as complaints:
            process = await asyncio.create_subprocess_exec(
                *_command(state, clock),
                *options,
                env=environment(),
                stdout=asyncio.subprocess.PIPE,
                stderr=complaints,
            )
            try:
                async with described(process, state) as stack:
                    yield stack
            finally:
                await stop(process, state)


@asynccontextmanager
async def described(
    process: asyncio.subprocess.Process, state: Path
) -> AsyncIterator[RunningStack]:
    """What a starting stack says of itself, once it is ready."""
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), _START_S)
    assert line, f"the stack did not start:\n{_log(state)}"
    said = json.loads(line)
    async with httpx.AsyncClient(base_url=said["http"], timeout=130, trust_env=False) as client:
        yield RunningStack(
            said["http"], said["kafka"], said["postgres"], said["topics_prefix"], state, client
        )


async def stop(process: asyncio.subprocess.Process, state: Path) -> None:
    """End a stack in its ordinary way, which must go well."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        code = await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AssertionError(f"the stack did not stop:\n{_log(state)}") from None
    assert code == 0, f"the stack ended with {code}:\n{_log(state)}"


def _command(state: Path, clock: str | None) -> list[str]:
    simulated = [] if clock is None else ["--clock", clock]
    return [
        *(sys.executable, "-m", "services.cli", "up", "--json", "--kafka", KAFKA),
        *("--state", str(state), "--port", str(free_port())),
        *simulated,
    ]


def environment() -> dict[str, str]:
    """Nothing of ours that could configure the stack."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RECOURSE_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def _log(state: Path) -> str:
    return (state / "up.log").read_text("utf-8", "replace")[-4000:]
