"""A process under measurement: started in its own group, probed over HTTP, ended in order.

Unlike the supervised processes of the local stack, it is never started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measurement import NotMeasured
from services.local.child import child_setup
from services.local.ports import LOOPBACK

_PROBE_PAUSE_S: Final = 0.01
_READY_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Spawned:
    """A process that answers at a port. `ready_s` is from its start until it was ready."""

    pid: int
    port: int
    ready_s: float

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let it stand still meanwhile; only for as long as its place in a group waits."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def spawned(
    command: Sequence[str],
    environment: Mapping[str, str],
    port: int,
    *,
    log: Path,
    ready_path: str = "/readyz",
) -> AsyncIterator[Spawned]:
    """Run a process until leaving; given when `ready_path` answers 200. Raises `NotMeasured`."""
    began = time.perf_counter()
    with log.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=child_setup(None),
        )
    try:
        await _until_ready(process, port, ready_path, log)
        yield Spawned(process.pid, port, time.perf_counter() - began)
    finally:
        await _end(process)


async def ran(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a process to its end; the seconds that it took. Raises `NotMeasured`."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, env=dict(environment))
    if await process.wait() != 0:
        raise NotMeasured(f"{command} ended with {process.returncode}")
    return time.perf_counter() - began


async def _until_ready(
    process: asyncio.subprocess.Process, port: int, path: str, log: Path
) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while not await _answers_ok(port, path):
        if process.returncode is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-1500:]
            raise NotMeasured(f"a process was not ready (code {process.returncode}):\n{said}")
        await asyncio.sleep(_PROBE_PAUSE_S)


async def _answers_ok(port: int, path: str) -> bool:
    """One probe, by hand: an HTTP library would cost more than what is probed."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
    return b" 200 " in status


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
