"""The row that simulates time, one in each service's schema, always moved together.

The services' migrations create the table. Without a row time is real.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import asyncpg

from schemas.topics import SERVICES
from services.local.faults import StartFailed

_NOW: Final = """
select origin + (clock_timestamp() - origin) * speed + "offset" from {schema}.simulated_clock
"""
_SET: Final = """
{name} as (insert into {schema}.simulated_clock as clock (origin, speed, "offset", moved_at)
  values ($1, 0, interval '0', clock_timestamp())
  on conflict (single) do update set "offset" = $1 - clock.origin, moved_at = clock_timestamp())
"""
_SET_ALL: Final = "with {sets} select pg_notify('recourse_clock', '')"
_TABLES_WAIT_S: Final = 60.0
_RETRY_S: Final = 15.0
_PAUSE_S: Final = 0.02
_PASSING: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class ClockRow:
    """Reads and moves the simulated clock in all schemas of one database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def now(self) -> datetime | None:
        """Where the clock stands (the furthest, were they to differ); None: time is real."""
        instants = [await self._now_in(schema) for schema in SERVICES]
        return max((instant for instant in instants if instant is not None), default=None)

    async def establish(self, start: datetime) -> None:
        """Set the clock in every schema as soon as their migrations made the tables."""
        deadline = time.monotonic() + _TABLES_WAIT_S
        while not all([await self._has_table(schema) for schema in SERVICES]):
            if time.monotonic() > deadline:
                raise StartFailed(f"no simulated_clock tables within {_TABLES_WAIT_S:g} s")
            await asyncio.sleep(_PAUSE_S)
        await self.move(start)

    async def move(self, to: datetime) -> None:
        """Set the clock in all schemas at once and tell the services; tries over a restart."""
        deadline = time.monotonic() + _RETRY_S
        sets = ", ".join(_SET.format(name=f"in_{schema}", schema=schema) for schema in SERVICES)
        while True:
            try:
                await self._pool.execute(_SET_ALL.format(sets=sets), to)
            except _PASSING:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    async def _now_in(self, schema: str) -> datetime | None:
        if not await self._has_table(schema):
            return None
        instant: datetime | None = await self._pool.fetchval(_NOW.format(schema=schema))
        return instant

    async def _has_table(self, schema: str) -> bool:
        name = f"{schema}.simulated_clock"
        return bool(await self._pool.fetchval("select to_regclass($1) is not null", name))


@contextlib.asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[ClockRow]:
    """The clock of this database, by a superuser's DSN."""
    # None kept at the least: the pool would log each try to restore it while the server restarts.
    async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool:
        yield ClockRow(pool)
