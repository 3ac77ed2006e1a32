"""Forward-only migrations: numbered SQL files, each once, under an advisory lock.

Owns the table `schema_migration` of a schema. Files are `NNNN_name.sql`; a file that was applied
and then changed is an error, since two installations would differ in silence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import asyncpg

_FILE = re.compile(r"^[0-9]{4}_[a-z0-9_]+\.sql$")
_LOCK = 0x5EC0  # one number for every schema: the lock is taken per database and schema below
_TABLE = """CREATE TABLE IF NOT EXISTS schema_migration (
    folder text NOT NULL, name text NOT NULL, sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (folder, name))"""


class MigrationError(RuntimeError):
    """A file is misnamed, or was changed after it had been applied."""


async def migrate(dsn: str, folders: Sequence[tuple[str, Path]]) -> list[str]:
    """Apply what is missing of each (label, folder), in order; answers the names applied."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SELECT pg_advisory_lock($1, hashtext(current_schema()))", _LOCK)
        await connection.execute(_TABLE)
        applied: list[str] = []
        for label, folder in folders:
            applied += await _apply(connection, label, folder)
        return applied
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, label: str, folder: Path) -> list[str]:
    done = {
        row["name"]: row["sha256"]
        for row in await connection.fetch(
            "SELECT name, sha256 FROM schema_migration WHERE folder = $1", label
        )
    }
    applied = []
    for path in sorted(folder.glob("*.sql")):
        digest = _checked_digest(path, done.get(path.name))
        if path.name in done:
            continue
        async with connection.transaction():
            await connection.execute(path.read_text())
            await connection.execute(
                "INSERT INTO schema_migration (folder, name, sha256) VALUES ($1, $2, $3)",
                label,
                path.name,
                digest,
            )
        applied.append(f"{label}/{path.name}")
    return applied


def _checked_digest(path: Path, known: str | None) -> str:
    if not _FILE.match(path.name):
        raise MigrationError(f"{path.name} is not named like 0001_cases.sql")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if known not in (None, digest):
        raise MigrationError(f"{path.name} was changed after it had been applied; add a new file")
    return digest
