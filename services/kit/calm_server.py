"""uvicorn's server without its ten looks a second at whether it is to end.

Owns the wait for a signal. The date header it sends is a second old at most, as uvicorn has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import FrameType

import uvicorn

_TICK_S = 1.0


class CalmServer(uvicorn.Server):
    """Wakes once a second, and at once when it is told to stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note that the process is to end; called between any two instructions."""
        super().handle_exit(sig, frame)
        if self._loop is not None and self._told is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def main_loop(self) -> None:
        """Until the process is told to end."""
        self._told, self._loop = asyncio.Event(), asyncio.get_running_loop()
        while not await self.on_tick(0):  # 0: the date is set anew each time
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._told.wait()
