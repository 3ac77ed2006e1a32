"""LISTEN on one connection: hints that end the loops' rests early.

Owns the connection and its reconnects. A hint may be lost; every loop polls besides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import structlog

_log = structlog.get_logger(__name__)


class Listener:
    """Calls a function for each notification on its channel."""

    def __init__(self, dsn: str, channels: Mapping[str, Callable[[], None]]) -> None:
        self._dsn = dsn
        self._channels = dict(channels)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in a task of its own."""
        self._task = asyncio.create_task(self._run(), name="listener")

    async def stop(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("listener_lost", error=type(error).__name__)
            await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5)
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        try:
            for channel, call in self._channels.items():
                await connection.add_listener(channel, _ignoring(call))
            for call in self._channels.values():
                call()  # something may have happened while nobody listened
            await closed.wait()
        finally:
            connection.terminate()


def _ignoring(call: Callable[[], None]) -> Callable[..., None]:
    def on_notify(*_: Any) -> None:
        call()

    return on_notify
