"""One reading of private data: who, what, for what; and how a route says whom it shows.

Owns the shape of what is noted, and the statement that notes it. Never holds the data itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from starlette.requests import HTTPConnection

from services.kit.db import Database
from services.kit.sql import Queries

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))
_STATE: Final = "reading"


@dataclass(slots=True)
class Reading:
    """An answer that may show private data. Routes add to `cases` and `subjects` before it goes."""

    db: Database
    request: str
    role: str
    actor: str
    route: str
    shows: frozenset[str]
    purpose: str | None
    cases: set[UUID] = field(default_factory=set)
    subjects: set[UUID] = field(default_factory=set)

    async def note(self) -> None:
        """Write down what was added since the last time, in one statement."""
        cases, subjects = sorted(self.cases), sorted(self.subjects)
        self.cases, self.subjects = set(), set()
        about = [*([None] * len(cases)), *subjects]
        rows: list[UUID | None] = [*cases, *([None] * len(subjects))]
        said = (self.request, self.role, self.actor, self.route, sorted(self.shows), self.purpose)
        await self.db.execute(QUERIES["note"], *said, rows or [None], about or [None])


def begin(connection: HTTPConnection, reading: Reading) -> None:
    """Have the routes of this request add to a reading."""
    connection.scope.setdefault("state", {})[_STATE] = reading


def shown(
    connection: HTTPConnection, cases: Iterable[UUID] = (), subjects: Collection[UUID] = ()
) -> None:
    """What the answer shows beside the case of the path; nothing where nobody watches."""
    reading = _reading(connection)
    if reading is not None:
        reading.cases.update(cases)
        reading.subjects.update(subjects)


async def shown_now(connection: HTTPConnection, cases: Iterable[UUID]) -> None:
    """What an answer that is under way shows next; it is noted when this returns."""
    reading = _reading(connection)
    if reading is not None:
        reading.cases.update(cases)
        await reading.note()


def _reading(connection: HTTPConnection) -> Reading | None:
    found: Reading | None = connection.scope.get("state", {}).get(_STATE)
    return found
