"""The classes of data that every service has, and for how long each is kept.

Owns their names, what they are for, and which statement prunes them. What is only kept is a class,
too: with the reason why nothing prunes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.kit.db import Database
from services.kit.sealing import Sealer
from services.kit.settings import Settings
from services.kit.sql import Queries

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))


class Due(NamedTuple):
    """How much of a class is to go now, and since when."""

    number: int
    oldest: datetime | None


class Pruned(NamedTuple):
    """How much went, and whether there may be more to look at."""

    number: int
    more: bool


Prunes = Callable[[datetime, int], Awaitable[Pruned]]
Counts = Callable[[datetime, int], Awaitable[Due]]


@dataclass(frozen=True, slots=True)
class DataClass:
    """A class of data. `days` None: kept, and `about` says why.

    `prune` takes what is older than an instant, at most so many. `domain`: its age is counted in
    domain time.
    """

    name: str
    about: str
    days: int | None
    prune: Prunes | None = None
    count: Counts | None = None
    domain: bool = False

    @property
    def period(self) -> timedelta | None:
        """For how long it is kept; None: until somebody is erased."""
        return timedelta(days=self.days) if self.days else None


def by_statement(db: Database, prune: str, due: str) -> tuple[Prunes, Counts]:
    """A class that one statement prunes and another counts."""

    async def pruned(before: datetime, most: int) -> Pruned:
        tag = await db.execute(prune, before, most)
        number = int(tag.rpartition(" ")[2])
        return Pruned(number, number >= most)

    async def counted(before: datetime, most: int) -> Due:
        row: Any = await db.fetchrow(due, before, most)
        return Due(row["due"], row["oldest"])

    return pruned, counted


def kit_classes(db: Database, sealer: Sealer, settings: Settings) -> Sequence[DataClass]:
    """What every service has."""

    def of(name: str, days: int, about: str) -> DataClass:
        prune, count = by_statement(db, QUERIES[f"prune_{name}"], QUERIES[f"due_{name}"])
        return DataClass(name, about, days or None, prune, count)

    return (
        of("answers", settings.retention_answers_d, "answers under an Idempotency-Key"),
        of("foreign_seen", settings.retention_foreign_seen_d, "marks of foreign messages taken"),
        of(
            "dead_letter_bytes",
            settings.retention_dead_letter_bytes_d,
            "bytes of dead letters that stop no case; reason and hash stay",
        ),
        of("parked", settings.retention_parked_d, "records of cases whose beginning never came"),
        of("audit", settings.retention_audit_d, "who was shown whose data"),
        _key_uses(sealer, settings.retention_key_uses_d),
        DataClass("entities", "state of cases: erase the subject (ADR 5)", None),
        DataClass(
            "log", "log and journal, whole: resends and explanations need them (ADR 5)", None
        ),
        DataClass("keys", "keys of subjects, and tombstones: erase the subject", None),
    )


def _key_uses(sealer: Sealer, days: int) -> DataClass:
    async def prune(before: datetime, most: int) -> Pruned:
        number = await sealer.forget_uses(before, most)
        return Pruned(number, number >= most)

    async def count(before: datetime, most: int) -> Due:
        row = await sealer.old_uses(before, most)
        return Due(row["due"], row["oldest"])

    about = "which keys this service has fetched, by the hour"
    return DataClass("key_uses", about, days or None, prune, count)
