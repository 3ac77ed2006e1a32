"""A child process that is kept running: own process group, own log file, restarted when it dies.

Owns spawning, watching, restarting and stopping. Knows nothing of what the process does; what it
takes to be usable is the `prepare` step that its owner passes in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.local.account import Account
from services.local.backoff import deaths_in_a_row, restart_delay_s
from services.local.child import child_setup
from services.local.faults import StartFailed

log = logging.getLogger(__name__)

_TOO_MANY_DEATHS: Final = 3
_KILL_WAIT_S: Final = 2.0
_POLL_S: Final = 0.02
_INHERITED: Final = ("PATH", "HOME", "LANG")
_TAIL_BYTES: Final = 2_000


def scrubbed_environment(**extra: str) -> dict[str, str]:
    """Only PATH, HOME and LANG of our own environment, and what is passed."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | extra


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run. `command` is asked anew at every start; `stop_timeout_s` precedes SIGKILL."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    log_file: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 3.0


async def _nothing_to_prepare() -> None:
    return None


class Supervised:
    """One supervised process.

    `prepare` runs after every start and may retry without end: it is cancelled when the process
    dies. Until it has returned the process is not ready.
    """

    def __init__(
        self, spec: ProcessSpec, prepare: Callable[[], Awaitable[None]] = _nothing_to_prepare
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._prepare = prepare
        self._ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._deaths = 0
        self._ready_at: float | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        """The pid while it runs; None between a death and the next start."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def is_ready(self) -> bool:
        """Whether the current run has been prepared."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Start it and watch over it; StartFailed when it cannot even be executed."""
        try:
            await self._spawn()
        except OSError as error:
            raise StartFailed(f"{self.spec.name} cannot be started: {error}") from error
        self._watch = asyncio.create_task(self._keep_running(), name=f"watch {self.spec.name}")

    async def wait_ready(self, timeout_s: float) -> None:
        """Return once prepared; StartFailed after the timeout or too many deaths in a row."""
        deadline = time.monotonic() + timeout_s
        while not self._ready.is_set():
            if self._deaths >= _TOO_MANY_DEATHS:
                raise StartFailed(self._complaint(f"ended {self._deaths} times while starting"))
            if time.monotonic() > deadline:
                raise StartFailed(self._complaint(f"was not ready within {timeout_s:g} s"))
            await asyncio.sleep(_POLL_S)

    async def restart(self) -> None:
        """End it in its ordinary way and return when the next run is ready."""
        process = self._running()
        if process is None:
            return
        self._ready.clear()
        self._ending = True
        await self._end(process)
        await self._ready.wait()

    async def stop(self) -> None:
        """End it for good: its stop signal, then SIGKILL to its group."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        process = self._running()
        if process is not None:
            await self._end(process)

    def _running(self) -> asyncio.subprocess.Process | None:
        process = self._process
        return process if process is not None and process.returncode is None else None

    async def _spawn(self) -> None:
        self._ending = False
        with self.spec.log_file.open("ab") as log_stream:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command(),
                env=dict(self.spec.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log_stream,
                stderr=log_stream,
                start_new_session=True,
                preexec_fn=child_setup(self.spec.account),
            )

    async def _keep_running(self) -> None:
        while True:
            await self._live_once()
            await asyncio.sleep(restart_delay_s(self._deaths))
            try:
                await self._spawn()
            except OSError as error:
                # A traceback would only show this line.
                log.warning("%s cannot be started: %s", self.spec.name, error)
            self.restarts += 1

    async def _live_once(self) -> None:
        process = self._running()
        self._ready_at = None
        if process is not None:
            preparing = asyncio.create_task(self._prepare_run())
            try:
                await process.wait()
            finally:
                preparing.cancel()
                self._ready.clear()
            self._report_death(process)
            _signal_group(process.pid, signal.SIGKILL)
        lived_s = 0.0 if self._ready_at is None else time.monotonic() - self._ready_at
        self._deaths = deaths_in_a_row(self._deaths, lived_s)

    async def _prepare_run(self) -> None:
        try:
            await self._prepare()
        except Exception:
            log.exception("%s runs but could not be prepared", self.spec.name)
        else:
            self._ready_at = time.monotonic()
            self._ready.set()

    def _report_death(self, process: asyncio.subprocess.Process) -> None:
        if self._ending:
            log.info("%s restarts", self.spec.name)
        else:
            log.warning(self._complaint(f"ended with {process.returncode} and is started again"))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.spec.stop_signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.spec.stop_timeout_s):
                await process.wait()
                return
        log.warning("%s did not end within %g s", self.spec.name, self.spec.stop_timeout_s)
        _signal_group(process.pid, signal.SIGKILL)
        async with asyncio.timeout(_KILL_WAIT_S):
            await process.wait()

    def _complaint(self, what: str) -> str:
        last_lines = _tail(self.spec.log_file)
        return f"{self.spec.name} {what}; log: {self.spec.log_file}\n{last_lines}".rstrip()


def _signal_group(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def _tail(file: Path) -> str:
    if not file.exists():
        return ""
    text = file.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
    return "\n".join(f"  | {line}" for line in text.splitlines()[-8:])
