"""The stack that the demo plays on: `recourse up` as a child, from nothing, in a folder of its own.

Owns starting and ending it. What it says of itself is all that the demo knows of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from services.local.child import child_setup
from services.local.demo.faults import DemoFailed

_CODE: Final = Path(__file__).resolve().parents[3]
_START_S: Final = 180.0
_END_S: Final = 15.0
_TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the running stack is reached, and its folder."""

    http: str
    kafka: str
    topics_prefix: str
    state: Path


@contextlib.asynccontextmanager
async def raised(state: Path | None, kafka: str, clock: datetime) -> AsyncIterator[Stage]:
    """A stack on a simulated clock. Its folder is kept only if it was given. Raises DemoFailed."""
    with _folder(state) as folder, (folder / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "services.cli", "up", "--json"]
        command += ["--clock", clock.isoformat(), "--kafka", kafka, "--state", str(folder)]
        child = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(_CODE)},
            preexec_fn=child_setup(None),
        )
        try:
            said = await _first_line(child, folder)
            yield Stage(said["http"], said["kafka"], said["topics_prefix"], folder)
        finally:
            await ended(child)


@contextlib.contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        if any(state.iterdir()):
            raise DemoFailed(f"{state} is not empty, and the demo starts from nothing")
        yield state.resolve()
        return
    # Short: the path of a Unix socket in it must fit into 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rcd"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _first_line(child: asyncio.subprocess.Process, folder: Path) -> dict[str, Any]:
    assert child.stdout is not None, "stdout is a pipe"  # noqa: S101
    try:
        line = await asyncio.wait_for(child.stdout.readline(), _START_S)
    except TimeoutError:
        line = b""
    if not line:
        log = (folder / "up.log").read_text(errors="replace")[-_TAIL:]
        raise DemoFailed(f"the stack did not start:\n{log}")
    said: dict[str, Any] = json.loads(line)
    return said


async def ended(child: asyncio.subprocess.Process) -> None:
    """Ends a child of the demo: politely, then not."""
    if child.returncode is not None:
        return
    child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _END_S)
    except TimeoutError:
        child.kill()
        await child.wait()
