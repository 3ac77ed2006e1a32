"""Asks the services, round after round, until nothing is in flight."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import httpx

from services.local.rounds import QuietReport, Round, is_quiet, moved, outstanding, quiet_report

_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.05
_PAUSE_GROWTH: Final = 1.1
_ANSWER_TIMEOUT_S: Final = 5.0
NO_PROGRESS_S: Final = 120.0


class NotQuiet(RuntimeError):
    """No progress for too long; `outstanding` names what is in flight."""

    def __init__(self, waited_s: float, still: list[str]) -> None:
        super().__init__(f"no progress for {waited_s:g} s: " + "; ".join(still))
        self.outstanding = still


class QuietWatch:
    """Knows how to ask each service; `clients` have the services' addresses as base URLs."""

    def __init__(
        self, clients: Mapping[str, httpx.AsyncClient], no_progress_s: float = NO_PROGRESS_S
    ) -> None:
        self._clients = clients
        self._no_progress_s = no_progress_s

    async def wait(self) -> Round:
        """The round that found everything quiet, all of it seen after this call.

        Raises NotQuiet when no service counts anything for `no_progress_s`.
        """
        since_ms = int(time.time() * 1000) + 1
        before = await self._ask(since_ms)
        progress_at, pause_s = time.monotonic(), _PAUSE_S
        while True:
            await asyncio.sleep(_PAUSE_S if not any(outstanding(before)) else pause_s)
            now = await self._ask(since_ms)
            if is_quiet(before, now):
                return now
            if moved(before, now):
                progress_at = time.monotonic()
            if time.monotonic() - progress_at > self._no_progress_s:
                raise NotQuiet(self._no_progress_s, list(outstanding(now)))
            before, pause_s = now, min(_LONGEST_PAUSE_S, pause_s * _PAUSE_GROWTH)

    async def _ask(self, since_ms: int) -> Round:
        reports = await asyncio.gather(
            *(self._ask_one(client, since_ms) for client in self._clients.values())
        )
        return dict(zip(self._clients, reports, strict=True))

    async def _ask_one(self, client: httpx.AsyncClient, since_ms: int) -> QuietReport:
        """A service that does not answer is busy: it may be starting again with work in hand."""
        try:
            answer = await client.get(
                "/internal/quiet", params={"since": since_ms}, timeout=_ANSWER_TIMEOUT_S
            )
            answer.raise_for_status()
            return quiet_report(answer.json())
        except (httpx.HTTPError, KeyError, ValueError, TypeError) as error:
            return QuietReport(busy=(f"does not answer: {error!r}",))
