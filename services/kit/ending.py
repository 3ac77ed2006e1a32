"""Ends a client of the broker whatever its own clean-up raises. Owns the bound of the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

_log = structlog.get_logger(__name__)
_STOP_S = 20.0


async def ended(stopping: Coroutine[Any, Any, None]) -> None:
    """Await a client's stop; only our own cancellation is raised.

    While Kafka is away aiokafka's stop raises the CancelledError of its own fetch tasks, which
    would end the very loop that was about to start the client anew.
    """
    task = asyncio.ensure_future(stopping)
    await asyncio.wait([task], timeout=_STOP_S)
    if not task.done():
        task.cancel()
    elif task.cancelled() or task.exception() is not None:
        _log.warning("client_ended_badly", cancelled=task.cancelled())
