"""The database as simulated services see it: every call may fail before or after it took effect.

Owns where faults strike; rows and transactions are the store's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.kit.db import Database
from services.kit.unit import QUERIES
from tests.simulation.faults import Misfortune, strike
from tests.simulation.store.contract import Result, Store

_WAKING = frozenset(QUERIES[name] for name in ("write", "notify"))


class Session:
    """A connection: inside a transaction, or of one statement each."""

    def __init__(self, store: Store, misfortune: Misfortune, told: list[str] | None = None) -> None:
        self._store = store
        self._misfortune = misfortune
        self._told = told if told is not None else []

    async def _run(self, statement: str, arguments: tuple[Any, ...]) -> Result:
        fault = self._misfortune.at("call")
        strike(fault, "before")
        result = await self._store.run(statement, arguments)
        if statement in _WAKING:
            self._told.append(statement)
        strike(fault, "after")
        return result

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """All rows."""
        return list((await self._run(statement, arguments)).rows)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        """The first row, or None."""
        return next(iter((await self._run(statement, arguments)).rows), None)

    async def execute(self, statement: str, *arguments: Any) -> str:
        """A command tag, as PostgreSQL's."""
        return f"DONE {(await self._run(statement, arguments)).touched}"


class SimulatedDatabase(Session, Database):
    """One schema, as `services.kit.db.Database` would give it."""

    def __init__(self, store: Store, misfortune: Misfortune) -> None:
        Session.__init__(self, store, misfortune)

    def woke(self) -> bool:
        """Whether anything notified the service's loops since the last time."""
        told = bool(self._told)
        self._told.clear()
        return told

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A commit may be lost with its effect, or take effect and be lost."""
        await self._store.begin()
        try:
            yield Session(self._store, self._misfortune, self._told)
            fault = self._misfortune.at("commit")
            strike(fault, "before")
        except BaseException:
            await self._store.rollback()
            raise
        await self._store.commit()
        strike(fault, "after")

    async def close(self) -> None:
        """The store outlives its sessions."""
