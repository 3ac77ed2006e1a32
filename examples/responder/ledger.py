"""The ledger of the example responder: what it was asked, what it has done. One SQLite file.

Owns both tables and their transaction. A real backend has its accounts where `work` stands here;
ledger and work are written together or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deciding import Entry, Message, State

_BUSY_S = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS ledger (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    idempotency_key TEXT NOT NULL UNIQUE,
    action_id TEXT NOT NULL,
    case_id TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    at TEXT NOT NULL
);
-- What was really done. Not unique on purpose: if anything were done twice, it would show here.
CREATE TABLE IF NOT EXISTS work (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    idempotency_key TEXT NOT NULL,
    case_id TEXT NOT NULL,
    action TEXT NOT NULL,
    parameters TEXT NOT NULL,
    at TEXT NOT NULL
);
"""


class Ledger:
    """The file. Several responders of one group may share it."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it is on the disk at the end, or nothing; nobody else writes meanwhile."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def find(self, idempotency_key: str) -> Entry | None:
        """What is known of a key."""
        row = self._connection.execute(
            "SELECT state, at, reason, number FROM ledger WHERE idempotency_key = ?",
            (idempotency_key,),
        ).fetchone()
        return None if row is None else Entry(State(row[0]), row[1], row[2], row[3])

    def write(self, message: Message, entry: Entry) -> Entry:
        """Write what becomes of a key; answers it with its number, which it keeps for ever."""
        (number,) = self._connection.execute(
            "INSERT INTO ledger (idempotency_key, action_id, case_id, action, state, reason, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key)"
            " DO UPDATE SET state = excluded.state, reason = excluded.reason, at = excluded.at"
            " RETURNING number",
            (
                message.idempotency_key,
                message.action_id,
                message.case_id,
                message.action,
                entry.state,
                entry.reason,
                entry.at,
            ),
        ).fetchone()
        return replace(entry, number=number)

    def work(self, message: Message, at: str) -> None:
        """Do what is asked: here, a row; in a bank, the freeze itself."""
        self._connection.execute(
            "INSERT INTO work (idempotency_key, case_id, action, parameters, at)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                message.idempotency_key,
                message.case_id,
                message.action,
                json.dumps(message.parameters, ensure_ascii=False),
                at,
            ),
        )
