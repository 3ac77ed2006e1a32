"""A rebalance waits until the batch in flight is done and its offsets are committed.

Owns that wait and its bound. Never decides what is committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener

_log = structlog.get_logger(__name__)


class Drain(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is untyped
    """Holds a rebalance until the batch in flight is committed, within bounds."""

    def __init__(self, timeout_s: float, commit: Callable[[], Awaitable[None]]) -> None:
        self._timeout_s = timeout_s
        self._commit = commit
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self) -> None:
        """A batch is being handled."""
        self._idle.clear()

    def end(self) -> None:
        """It is done."""
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether a batch is being handled now."""
        return not self._idle.is_set()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Called before the group moves partitions away."""
        try:
            await asyncio.wait_for(self._idle.wait(), self._timeout_s)
            await self._commit()
        except TimeoutError:
            _log.warning("drain_timeout", partitions=len(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called when partitions have come."""
