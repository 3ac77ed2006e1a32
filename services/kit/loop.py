"""A background loop: do a bounded step, rest, go on; errors back off and are seen.

Owns start, stop, pauses and the state that readiness asks for. What a step does is passed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import structlog

from services.kit import telemetry

_log = structlog.get_logger(__name__)
_MAX_BACKOFF_S = 2.0
_SAY_AGAIN_S = 30.0


class BackgroundLoop:
    """Runs `step` for ever; a step answers the seconds to rest (0: there is more to do).

    Setting `wake` ends a rest early. An exception is counted as not well, and tried again after a
    pause that doubles up to two seconds and that nothing ends early: while a broker is away each
    report would wake the relay. It is logged at first, then every half minute.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[float]]) -> None:
        self.name = name
        self.wake = asyncio.Event()
        self.well = False
        self._step = step
        self._said_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of its own."""
        self._task = asyncio.create_task(self._run(), name=f"loop:{self.name}")

    async def stop(self) -> None:
        """End: the step in progress is cancelled (its transaction rolls back)."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        telemetry.UP.labels(part=self.name).set(0)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                rest_s = await self._step()
            except Exception as error:
                failures += 1
                self._note(False)
                self._complain(error, failures)
                backoff_s = min(_MAX_BACKOFF_S, 0.05 * 2.0 ** min(failures, 10))
                await asyncio.sleep(backoff_s * random.uniform(0.7, 1.0))  # noqa: S311
            else:
                failures = 0
                self._note(True)
                await self._rest(rest_s)

    def _complain(self, error: Exception, failures: int) -> None:
        now_s = asyncio.get_running_loop().time()
        if failures == 1 or now_s - self._said_at > _SAY_AGAIN_S:
            self._said_at = now_s
            _log.warning("loop_failed", loop=self.name, error=repr(error)[:300], in_a_row=failures)

    def _note(self, well: bool) -> None:
        self.well = well
        telemetry.UP.labels(part=self.name).set(well)

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # no task of its own, as `wait_for` has
                    await self.wake.wait()
        else:
            await asyncio.sleep(0)
        self.wake.clear()
