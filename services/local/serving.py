"""Serves an ASGI application on loopback inside this process, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from services.local.faults import StartFailed
from services.local.ports import LOOPBACK, free_port, listen

PREFERRED_PORT: Final = 8700
_POLL_S: Final = 0.01


class _Server(uvicorn.Server):
    """Leaves the signals of this process to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(port: int | None) -> socket.socket:
    """A listening socket on this port; without one on 8700 if free, else on any free port.

    Raises StartFailed when the port asked for is taken.
    """
    if port is not None:
        try:
            return listen(port)
        except OSError as error:
            raise StartFailed(f"port {port} on {LOOPBACK} cannot be had: {error}") from error
    try:
        return listen(PREFERRED_PORT)
    except OSError:
        return listen(free_port())


def address_of(sock: socket.socket) -> str:
    """Where a listening socket is reached."""
    return f"http://{LOOPBACK}:{sock.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, sock: socket.socket) -> AsyncIterator[str]:
    """The application's address while it is served; open streams are cut on leaving."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if task.done():
                raise StartFailed(f"the front ended while starting: {task.exception()!r}")
            await asyncio.sleep(_POLL_S)
        yield address_of(sock)
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
