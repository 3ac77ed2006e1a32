"""Several workers at once: processes that fire what is due, as replicas of a service would.

`python -m benchmarks.workers` is one of them. It reads what it shall be from its first line of
input and says that it is ready; at every further line it fires until nothing is due for it, and
says what that took. Owns this exchange; never says what is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import uvloop

from benchmarks.echo import Echo
from benchmarks.ground import Place, bare_environment
from benchmarks.measurement import NotMeasured
from benchmarks.open_cases import connected
from services.escalation.settings import EscalationSettings
from services.kit.entities import Logic
from services.kit.runtime import calm_the_collector
from services.kit.timers import Timers
from services.kit.unit import Entities

_NEVER_STALE_S: Final = 1e9
BATCH: Final = 500
_COMMAND: Final = (sys.executable, "-m", "benchmarks.workers")
_READY: Final = b"ready\n"
_PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Running workers, all ready."""

    processes: tuple[asyncio.subprocess.Process, ...]

    async def fire(self, amount: int) -> tuple[float, float]:
        """Have all of them fire what is due; how many a second, and a CPU second of a worker.

        Raises `NotMeasured` if they did not fire so many, or took too long.
        """
        began = time.time()
        said = await asyncio.gather(*(_round(process) for process in self.processes))
        if sum(each["fired"] for each in said) != amount:
            raise NotMeasured(f"of {amount} due cases the workers fired {said}")
        took_s = max(each["ended_at"] for each in said) - began
        return amount / took_s, amount / sum(each["used_s"] for each in said)


@contextlib.asynccontextmanager
async def workers(place: Place, number: int, *, kit_alone: bool) -> AsyncIterator[Workers]:
    """So many of them, of escalation or of the kit alone. Raises `NotMeasured`."""
    asked = json.dumps({"settings": place.settings("escalation"), "kit_alone": kit_alone})
    async with contextlib.AsyncExitStack() as parts:
        started = [await parts.enter_async_context(_started(asked)) for _ in range(number)]
        yield Workers(tuple(started))


@contextlib.asynccontextmanager
async def _started(asked: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *_COMMAND, env=bare_environment(), stdin=pipe, stdout=pipe
    )
    try:
        if await _answer(process, asked) != _READY:
            raise NotMeasured("a worker did not start")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _round(process: asyncio.subprocess.Process) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await _answer(process, "go") or b"{}")
    if not found:
        raise NotMeasured("a worker ended")
    return found


async def _answer(process: asyncio.subprocess.Process, line: str) -> bytes:
    """The line that a worker answers to one; empty if it has ended."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a worker is spoken with")
    process.stdin.write(line.encode() + b"\n")
    try:
        return await asyncio.wait_for(process.stdout.readline(), _PATIENCE_S)
    except TimeoutError as error:
        raise NotMeasured("a worker took too long") from error


async def _work() -> None:
    asked = json.loads(await _line())
    settings = EscalationSettings(**asked["settings"])
    async with connected(settings) as (entities, escalation):
        logic = Echo() if asked["kit_alone"] else escalation
        calm_the_collector()
        _say(_READY)
        while await _line():
            _say(json.dumps(await _fire_all(entities, logic)).encode() + b"\n")


async def _fire_all(entities: Entities, logic: Logic) -> dict[str, float]:
    timers = Timers(entities, logic, stale_after_s=_NEVER_STALE_S, batch=BATCH)
    cpu_s, fired = time.process_time(), -1
    while timers.fired > fired:
        fired = timers.fired
        await timers.step()
    used_s = time.process_time() - cpu_s
    return {"fired": timers.fired, "used_s": used_s, "ended_at": time.time()}


async def _line() -> str:
    return await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_work())
