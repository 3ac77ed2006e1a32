"""Tables in memory, with transactions that can be undone. Owns rows, uniqueness and undo.

Statements are looked up by their text, so that the services run unchanged; what each one does is in
the modules beside this one, and is compared with PostgreSQL in `test_store_contract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import asyncpg

from tests.simulation.store.contract import Instant, Result

Row = dict[str, Any]
Answer = Iterable[Row] | int
Statement = Callable[..., Answer]
STATEMENTS: Final[dict[str, Statement]] = {}
_NOTHING: Final = object()
_PARTITION: Final = "CREATE TABLE IF NOT EXISTS log_"


def does(*texts: str) -> Callable[[Statement], Statement]:
    """Register what statements of these texts do."""

    def register(function: Statement) -> Statement:
        for text in texts:
            STATEMENTS[text] = function
        return function

    return register


class Table:
    """Rows by primary key, never changed in place; `unique` lists further keys by their columns."""

    def __init__(self, undo: list[Any], key: tuple[str, ...], *unique: tuple[str, ...]) -> None:
        self.rows: dict[Any, Row] = {}
        self.key = key
        self._unique: dict[tuple[str, ...], set[Any]] = {columns: set() for columns in unique}
        self._undo = undo

    def insert(self, row: Row) -> None:
        """Raises asyncpg's `UniqueViolationError`."""
        if not self.insert_new(row):
            raise asyncpg.UniqueViolationError(f"{self.key} is there already")

    def insert_new(self, row: Row) -> bool:
        """ON CONFLICT DO NOTHING: whether the row was new."""
        if _part(row, self.key) in self.rows or any(
            _part(row, columns) in taken for columns, taken in self._unique.items()
        ):
            return False
        self.put(row)
        return True

    def put(self, row: Row) -> None:
        """Insert, or replace the row of this key."""
        key = _part(row, self.key)
        self._undo.append((self, key, self.rows.get(key, _NOTHING)))
        self._set(key, row)

    def change(self, key: Any, **columns: Any) -> Row:
        """Update columns of a row that is there."""
        row = {**self.rows[key], **columns}
        self.put(row)
        return row

    def drop(self, key: Any) -> bool:
        """Delete a row; False if there was none."""
        if key not in self.rows:
            return False
        self._undo.append((self, key, self.rows[key]))
        self._set(key, _NOTHING)
        return True

    def undo(self, key: Any, before: Any) -> None:
        """Set a row back."""
        self._set(key, before)

    def _set(self, key: Any, row: Any) -> None:
        old = self.rows.pop(key, None) if row is _NOTHING else self.rows.get(key)
        if row is not _NOTHING:
            self.rows[key] = row
        for columns, taken in self._unique.items():
            if old is not None:
                taken.discard(_part(old, columns))
            if row is not _NOTHING:
                taken.add(_part(row, columns))

    def __getitem__(self, key: Any) -> Row:
        return self.rows[key]

    def get(self, key: Any) -> Row | None:
        """The row of a key."""
        return self.rows.get(key)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)


class MemoryStore:
    """The tables of one schema; `table_keys` gives each its primary and further unique keys."""

    def __init__(self, time: Instant, table_keys: Mapping[str, Sequence[tuple[str, ...]]]) -> None:
        self._time = time
        self._undo: list[tuple[Table, Any, Any]] = []
        self._inside = False
        self._drawn: dict[str, int] = {}
        self.tables = {name: Table(self._undo, *keys) for name, keys in table_keys.items()}

    @property
    def now(self) -> datetime:
        """What `clock_timestamp()` answers."""
        return self._time.real

    def draw(self, sequence: str) -> int:
        """The next number of a sequence; as in PostgreSQL, never given back."""
        self._drawn[sequence] = self._drawn.get(sequence, 0) + 1
        return self._drawn[sequence]

    def __getattr__(self, name: str) -> Table:
        try:
            return self.tables[name]
        except KeyError:
            raise AttributeError(name) from None

    async def begin(self) -> None:
        assert not self._inside, "one step after another: transactions never overlap"
        self._inside = True

    async def commit(self) -> None:
        self._inside = False
        self._undo.clear()

    async def rollback(self) -> None:
        self._inside = False
        while self._undo:
            table, key, before = self._undo.pop()
            table.undo(key, before)

    async def run(self, statement: str, arguments: Sequence[Any]) -> Result:
        """Raises `NotImplementedError` for a statement that nobody has described."""
        does_it = STATEMENTS.get(statement)
        if statement.startswith(_PARTITION):
            return Result([], 0)
        if does_it is None:
            raise NotImplementedError(f"the store in memory does not know:\n{statement}")
        mark = len(self._undo)
        try:
            answer = does_it(self, *map(_plain, arguments))
            rows = [] if isinstance(answer, int) else list(answer)
        except BaseException:
            if not self._inside:
                await self.rollback()
            raise
        touched = answer if isinstance(answer, int) else len(rows)
        if not self._inside:
            del self._undo[mark:]
        return Result(rows, touched)

    def backup(self) -> Any:
        """Everything as it is; rows are never changed in place."""
        return {name: dict(table.rows) for name, table in self.tables.items()}, dict(self._drawn)

    def restore(self, backup: Any) -> None:
        """Set everything back, sequences too."""
        tables, drawn = backup
        for name, rows in tables.items():
            table = self.tables[name]
            for key in [key for key in table.rows if key not in rows]:
                table.drop(key)
            for row in rows.values():
                table.put(row)
        self._drawn = dict(drawn)
        self._undo.clear()

    async def set_clock(self, domain: datetime) -> None:
        row = {"origin": domain, "speed": 0.0, "offset": timedelta(0), "moved_at": self.now}
        self._simulated({"single": True, **row})

    def _simulated(self, row: Row) -> None:
        self.simulated_clock.put(row)
        self._undo.clear()

    async def table(self, name: str) -> list[Row]:
        return list(self.tables[name])

    async def close(self) -> None:
        """Nothing to let go of."""


def _part(row: Row, columns: tuple[str, ...]) -> Any:
    return row[columns[0]] if len(columns) == 1 else tuple(row[column] for column in columns)


def _plain(value: Any) -> Any:
    """As it would come back: the text behind an enumeration, also in arrays."""
    if isinstance(value, list | tuple):
        return [each.value if isinstance(each, Enum) else each for each in value]
    return value.value if isinstance(value, Enum) else value


def columns(names: str, arrays: Sequence[Sequence[Any]]) -> Iterator[Row]:
    """UNNEST: rows out of arrays."""
    return named(names, zip(*arrays, strict=True))


def named(names: str, rows: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """UNNEST of an array of rows."""
    wanted = names.split()
    return (dict(zip(wanted, values, strict=True)) for values in rows)
