"""The ledger of erasures: who asked, who confirmed, when, why; and the destruction of the key.

Owns its tables in the schema of the keys, which every service reads. No personal data: subjects
are opaque, staff is not private.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from services.kit.db import Database
from services.kit.faults import NotFound, Refused
from services.kit.sql import Queries

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))
EXPIRES: Final = timedelta(days=3)
"""For how long a second person may confirm."""


@dataclass(frozen=True, slots=True)
class Step:
    """A service that has let a subject go, and of how many cases."""

    service: str
    at: datetime
    cases: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request, and what became of it."""

    id: UUID
    subject: UUID
    reason: str
    force_open_cases: bool
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    expired: bool
    steps: tuple[Step, ...]

    def may_be_confirmed_by(self, person: str) -> None:
        """Raises `Refused` with the reason where they may not."""
        if self.confirmed_at is not None:
            raise Refused("already_confirmed", f"by {self.confirmed_by}")
        if self.expired:
            raise Refused("expired", "nobody confirmed it in time; ask anew")
        if self.asked_by == person:
            raise Refused("same_person", "who asked for an erasure does not confirm it")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one person asks for."""

    subject: UUID
    reason: str
    force_open_cases: bool
    asked_by: str


class Ledger:
    """Erasures, in the database of the keys."""

    def __init__(self, keys: Database) -> None:
        self._keys = keys

    async def ask(self, wanted: Wanted) -> Erasure:
        """A request that another person must confirm. Raises `NotFound` or `Refused`."""
        asked = await self._keys.fetchrow(
            QUERIES["ask_erasure"],
            wanted.subject,
            wanted.reason,
            wanted.force_open_cases,
            wanted.asked_by,
            EXPIRES,
        )
        if asked is None:
            raise await self._why_not(wanted.subject)
        return await self.one(asked["id"])

    async def one(self, id: UUID) -> Erasure:
        """One request. Raises `NotFound`."""
        row = await self._keys.fetchrow(QUERIES["erasure"], id)
        if row is None:
            raise NotFound(f"no erasure {id}")
        return _erasure(row)

    async def page(self, before: tuple[datetime, UUID], limit: int) -> list[Erasure]:
        """Requests, newest first, from a cursor on."""
        rows = await self._keys.fetch(QUERIES["erasures"], *before, limit)
        return [_erasure(row) for row in rows]

    async def confirm(self, id: UUID, person: str) -> Erasure:
        """Destroy the key, as the second person. Raises `NotFound` or `Refused`."""
        (await self.one(id)).may_be_confirmed_by(person)
        row = await self._keys.fetchrow(QUERIES["confirm_erasure"], id, person)
        after = await self.one(id)
        if row is None:
            after.may_be_confirmed_by(person)  # somebody else was faster, or the time is over
        return after

    async def clean_up(self) -> None:
        """Take the dead row with the wrapped key out of its page, as far as nobody sees it."""
        await self._keys.execute("VACUUM subject_key")

    async def erased_lately(self) -> list[UUID]:
        """Who was erased within the time that a key is cached."""
        return [row["subject"] for row in await self._keys.fetch(QUERIES["erased_lately"])]

    async def erased_but(self, known: Iterable[UUID]) -> list[UUID]:
        """Everybody who was erased, but for some."""
        rows = await self._keys.fetch(QUERIES["erased_but"], list(known))
        return [row["subject"] for row in rows]

    async def erase_again(self, known: Iterable[UUID]) -> list[UUID]:
        """Destroy the keys of those who were erased before the keys were set back."""
        rows = await self._keys.fetch(QUERIES["erase_again"], list(known))
        return [row["subject"] for row in rows]

    async def note_step(self, subject: UUID, service: str, cases: int) -> None:
        """A service has let a subject go."""
        await self._keys.execute(QUERIES["note_step"], subject, service, cases)

    async def _why_not(self, subject: UUID) -> Exception:
        state = await self._keys.fetchrow(QUERIES["key_state"], subject)
        if state is None:
            return NotFound("nothing is sealed under such a subject")
        if state["erased"]:
            return Refused("erased", "this subject is erased already")
        asked = await self._keys.fetchrow(QUERIES["open_erasure"], subject)
        extra = {"erasure": str(asked["id"])} if asked else {}
        return Refused("already_asked", "it waits for a second person", extra)


def _erasure(row: Mapping[str, Any]) -> Erasure:
    return Erasure(**{**dict(row), "steps": _steps(row["steps"])})


def _steps(documents: Sequence[str]) -> tuple[Step, ...]:
    read = map(json.loads, documents)
    return tuple(Step(s["service"], datetime.fromisoformat(s["at"]), s["cases"]) for s in read)
