"""How long intake keeps files: so many days after a case is over, never while it is open.

Owns which cases those are; they are locked while their files go, so that none is reopened then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake import evidence_store
from services.intake.store import QUERIES
from services.kit.db import Database
from services.kit.retention.classes import DataClass, Due, Pruned


def retained(db: Database, days: int) -> DataClass:
    """The files of cases that are over."""

    async def prune(before: datetime, most: int) -> Pruned:
        async with db.transaction() as connection:
            rows = await connection.fetch(QUERIES["cases_with_old_files"], before, most)
            await evidence_store.forget(connection, [row["id"] for row in rows])
        return Pruned(len(rows), len(rows) >= most)

    async def count(before: datetime, most: int) -> Due:
        row: Any = await db.fetchrow(QUERIES["count_old_files"], before, most)
        return Due(row["due"], row["oldest"])

    about = "files of cases that are over, from their end on; name and SHA-256 stay in the case"
    return DataClass("evidence", about, days or None, prune, count, domain=True)
