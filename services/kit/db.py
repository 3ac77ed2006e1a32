"""The database pool: one role, one schema, time-outs on every session.

Owns connections and their session settings. Never holds a statement of a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

CONNECTION_ERRORS: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A session lost between two statements: "another operation is in progress". It is never ours
    # to blame, since nobody shares a connection, and the pool throws the connection away.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""What passes by itself when the server is back."""
UNREACHABLE: tuple[type[BaseException], ...] = (TimeoutError, *CONNECTION_ERRORS)
"""What a server that is away, or does not answer in time, gives."""
RETRYABLE_ERRORS: tuple[type[BaseException], ...] = (
    *CONNECTION_ERRORS,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
"""Connection, lock and resource errors: back off and try the same again."""
DATA_ERRORS: tuple[type[BaseException], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)
"""SQLSTATE classes 22 and 23: the data itself does not fit."""

UNKEEPABLE_ERRORS: tuple[type[Exception], ...] = (
    asyncpg.UntranslatableCharacterError,
    asyncpg.CharacterNotInRepertoireError,
)
"""A text with a NUL in it, where the database keeps it as text or JSON."""


class Database:
    """A pool of connections of one role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        name: str,
        size: int = 6,
        statement_timeout_s: float = 30,
        lock_timeout_s: float = 10,
        idle_in_transaction_timeout_s: float = 30,
    ) -> Database:
        """Connect. `name` is what `pg_stat_activity` shows. Raises what asyncpg raises."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            command_timeout=statement_timeout_s + 5,
            max_inactive_connection_lifetime=60,
            reset=_nothing_to_reset,
            server_settings={
                "application_name": name,
                "timezone": "UTC",
                "statement_timeout": _ms(statement_timeout_s),
                "lock_timeout": _ms(lock_timeout_s),
                "idle_in_transaction_session_timeout": _ms(idle_in_transaction_timeout_s),
                # A backlog after downtime must be claimed by index, never sorted whole.
                "enable_sort": "off",
                "enable_bitmapscan": "off",
            },
        )
        return cls(pool)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection inside a transaction; commits at the end, rolls back on any exception."""
        async with self.pool.acquire(timeout=10) as connection, connection.transaction():
            yield connection

    async def fetch(self, statement: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of one statement on a connection of its own."""
        return list(await self.pool.fetch(statement, *args))

    async def fetchrow(self, statement: str, *args: Any) -> asyncpg.Record | None:
        """The first row of one statement, or None."""
        return await self.pool.fetchrow(statement, *args)

    async def execute(self, statement: str, *args: Any) -> str:
        """Run one statement; answers PostgreSQL's command tag."""
        return str(await self.pool.execute(statement, *args))

    async def close(self) -> None:
        """Close all connections, by force after two seconds."""
        try:
            await asyncio.wait_for(self.pool.close(), 2)
        except TimeoutError:
            self.pool.terminate()


async def _nothing_to_reset(_: asyncpg.Connection) -> None:
    """Sessions hold nothing beyond a transaction: no settings, no session locks, no LISTEN.

    asyncpg's own reset would be one more round trip for every use of a connection.
    """


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))
