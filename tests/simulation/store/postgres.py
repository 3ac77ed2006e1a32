"""The same store on PostgreSQL: every statement as it is written, under the history's own clock.

Owns how `clock_timestamp()` tells simulated time: a function of that name in the service's own
schema, which is looked for before PostgreSQL's. For comparison with the store in memory; too
slow for thousands of histories.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

import services.kit
from services.escalation.store import MIGRATIONS as ESCALATION
from services.intake.store import MIGRATIONS as INTAKE
from services.kit.migrate import migrate
from services.notifier.app import MIGRATIONS as NOTIFIER
from tests.simulation.store.contract import EPOCH, Instant, Result, Store

_KIT: Final = Path(services.kit.__file__).parent
_FOLDERS: Final[Mapping[str, list[tuple[str, Path]]]] = {
    "keys": [("keys", _KIT / "keys_migrations")],
    "intake": [("kit", _KIT / "migrations"), ("intake", INTAKE)],
    "escalation": [("kit", _KIT / "migrations"), ("escalation", ESCALATION)],
    "notifier": [("kit", _KIT / "migrations"), ("notifier", NOTIFIER)],
}
_CLOCK: Final = """
CREATE FUNCTION {role}.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT current_setting(''simulated.now'')::timestamptz';
ALTER ROLE {role} IN DATABASE "{database}" SET search_path = {role}, pg_catalog;
ALTER ROLE {role} IN DATABASE "{database}" SET simulated.now = '{now}';
"""


class PostgresStore:
    """One schema; one connection, since one step follows another."""

    def __init__(self, connection: asyncpg.Connection, time: Instant) -> None:
        self._connection = connection
        self._time = time
        self._one_at_a_time = asyncio.Lock()

    async def begin(self) -> None:
        await self._connection.execute("BEGIN")

    async def commit(self) -> None:
        await self._connection.execute("COMMIT")

    async def rollback(self) -> None:
        await self._connection.execute("ROLLBACK")

    async def run(self, statement: str, arguments: Sequence[Any]) -> Result:
        async with self._one_at_a_time:
            now = self._time.real.isoformat()
            await self._connection.execute("SELECT set_config('simulated.now', $1, false)", now)
            rows = await self._connection.fetch(statement, *arguments)
        return Result(rows, len(rows))

    async def set_clock(self, domain: datetime) -> None:
        await self._connection.execute("DELETE FROM simulated_clock")
        await self._connection.execute(
            """INSERT INTO simulated_clock (origin, speed, "offset", moved_at)
            VALUES ($1, 0, interval '0', $2)""",
            domain,
            self._time.real,
        )

    async def table(self, name: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._connection.fetch(f"SELECT * FROM {name}")]

    async def close(self) -> None:
        await self._connection.close()


async def prepare(dsns: Mapping[str, str]) -> None:
    """Give an empty database its simulated clock and its tables."""
    admin = await asyncpg.connect(dsns["admin"])
    try:
        database = await admin.fetchval("SELECT current_database()")
        for role in _FOLDERS:
            names = {"role": role, "database": database, "now": EPOCH.isoformat()}
            await admin.execute(_CLOCK.format(**names))
    finally:
        await admin.close()
    for role, folders in _FOLDERS.items():
        await migrate(dsns[role], folders)


async def in_postgres(dsns: Mapping[str, str], time: Instant) -> dict[str, Store]:
    """The stores of one history, in a database that is prepared and empty."""
    await prepare(dsns)
    return {role: PostgresStore(await asyncpg.connect(dsns[role]), time) for role in _FOLDERS}
