"""The simulated clock of a running stack: where it stands, and how it gets to where it is sent."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from services.local.clock import clock_target, next_stop
from services.local.clock_row import ClockRow
from services.local.quiet import QuietWatch


class SimulatedTime:
    """Stands still until it is moved; one move at a time."""

    def __init__(self, row: ClockRow, quiet: QuietWatch, start: datetime) -> None:
        self._row = row
        self._quiet = quiet
        self._moving = asyncio.Lock()
        self.now = start

    async def go(self, body: Any) -> datetime:
        """Go where the request body says by way of every due instant between; the new now.

        At each stop everything that follows from it is waited for. Raises BadClockRequest,
        ClockGoesBack and NotQuiet; after NotQuiet the clock stands at the stop it had reached.
        """
        async with self._moving:
            target = clock_target(body, self.now)
            seen = await self._quiet.wait()
            while True:
                dues = [report.next_due for report in seen.values()]
                stop = next_stop(self.now, target, dues)
                if stop is None:
                    return self.now
                stop = stop.astimezone(target.tzinfo)
                await self._row.move(stop)
                self.now = stop
                seen = await self._quiet.wait()
