"""A great many open cases, written as rows: what escalation itself would have left, copied.

One template case per opening instant is opened through escalation's own consumer. Its rows (entity
with the sealed document, rung, queue line, journal, log) are read back, and every other case gets
them with ids of its own: the document is sealed under its own customer's key, the events are
hashed and chained anew, and all of it goes in by COPY. Ids ascend, so that indexes fill fast;
opening instants alternate, so that cases due together lie far apart, as in life.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from benchmarks.lives import Life
from benchmarks.open_cases import OpenCases
from services.kit.sealing import Sealer
from services.kit.unit import Entities

_CHUNK: Final = 10_000
_PARTITIONS: Final = 12
_OF_CASE: Final = {
    "rung": "case_id = $1",
    "queue": "case_id = $1",
    "journal": "case_id = $1 ORDER BY pos",
    "log": "entity = $1 ORDER BY seq",
}
_OWN_NUMBER: Final = {"journal": ("pos",), "log": ("pos",)}
"""Columns that number the rows of a table, given anew."""
_COLUMNS: Final = """SELECT attname FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
_MAKE_ROOM: Final = "SELECT setval('pos', nextval('pos') + $1)"
_PUBLISHED: Final = "TRUNCATE unpublished"
_SETTLE: Final = ("VACUUM (ANALYZE)", "CHECKPOINT")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """The rows of one template case in one table."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Template:
    """One open case: its ids, its document in clear, and its rows."""

    case: UUID
    ids: tuple[UUID, ...]
    """The ids of its events and triggers."""
    subject: UUID
    document: bytes
    entity: _Table
    tables: tuple[_Table, ...]


async def seed(cases: OpenCases, starts: Sequence[datetime], amount: int) -> None:
    """Have so many open cases, begun at these instants in turn. Numbers from 0 upward are used."""
    lives = []
    for number, at in enumerate(starts):
        await cases.go_to(at)
        lives += await cases.open([number], [at])
    templates = [await _template(cases.entities, life) for life in lives]
    ids = _ascending(amount - len(templates))
    for first in range(0, len(ids), _CHUNK):
        await _copy(cases.entities, templates, ids[first : first + _CHUNK])


async def settle(cases: OpenCases, admin_dsn: str) -> None:
    """Have everything count as published; and what autovacuum and the checkpointer would do later,
    in the middle of a measurement."""
    await cases.entities.db.execute(_PUBLISHED)
    connection = await asyncpg.connect(admin_dsn, timeout=60)
    try:
        for statement in _SETTLE:
            await connection.execute(statement, timeout=900)
    finally:
        await connection.close()


def _ascending(amount: int) -> list[UUID]:
    random = os.urandom(16 * amount)
    return sorted(UUID(bytes=random[at : at + 16]) for at in range(0, 16 * amount, 16))


async def _template(entities: Entities, life: Life) -> _Template:
    entity = await entities.read(life.case)
    if entity is None or entity.state is None:
        raise AssertionError("the template case was not opened")
    tables = [await _table(entities, name, which, life.case) for name, which in _OF_CASE.items()]
    ids = {
        value
        for table in tables
        for row in table.rows
        for value in row
        if isinstance(value, UUID) and value not in (life.case, life.subject)
    }
    return _Template(
        life.case,
        tuple(ids),
        life.subject,
        entity.state,
        await _table(entities, "entity", "id = $1", life.case),
        tuple(tables),
    )


async def _table(entities: Entities, name: str, which: str, case: UUID) -> _Table:
    unwanted = _OWN_NUMBER.get(name, ())
    found = await entities.db.fetch(_COLUMNS, name)
    columns = tuple(row["attname"] for row in found if row["attname"] not in unwanted)
    statement = f"SELECT {', '.join(columns)} FROM {name} WHERE {which}"
    rows = await entities.db.fetch(statement, case)
    return _Table(name, columns, tuple(tuple(row) for row in rows))


async def _copy(entities: Entities, templates: Sequence[_Template], ids: Sequence[UUID]) -> None:
    """Write one chunk of cases."""
    subjects = [UUID(bytes=os.urandom(16)) for _ in ids]
    await entities.sealer.load(subjects, create=True)
    rows: dict[str, list[Row]] = {}
    for template, case, subject in zip(itertools.cycle(templates), ids, subjects, strict=False):
        for name, row in _rows(entities, template, case, subject):
            rows.setdefault(name, []).append(row)
    await _number(entities, rows)
    tables = {table.name: table for table in (templates[0].entity, *templates[0].tables)}
    await asyncio.gather(*(_write(entities, tables[name], found) for name, found in rows.items()))


async def _number(entities: Entities, rows: dict[str, list[Row]]) -> None:
    """Give the log's rows their positions."""
    last = await entities.db.fetchrow(_MAKE_ROOM, len(rows["log"]))
    first = (last[0] if last else 0) - len(rows["log"])
    rows["log"] = [(first + at, *row) for at, row in enumerate(rows["log"])]


async def _write(entities: Entities, table: _Table, rows: Sequence[Row]) -> None:
    columns = ("pos", *table.columns) if table.name == "log" else table.columns
    async with entities.db.transaction() as connection:
        await connection.copy_records_to_table(table.name, records=rows, columns=columns)


def _rows(
    entities: Entities, template: _Template, case: UUID, subject: UUID
) -> Iterator[tuple[str, Row]]:
    """All rows of one case, by table."""
    renamed = {template.case: case, template.subject: subject} | {
        old: UUID(bytes=os.urandom(16)) for old in template.ids
    }
    written = {str(old).encode(): str(new).encode() for old, new in renamed.items()}
    link = b""
    for table in template.tables:
        for row in table.rows:
            fresh = tuple(_renamed(value, renamed) for value in row)
            if table.name == "log":
                fresh, link = _linked(entities, table.columns, fresh, link)
            yield table.name, fresh
    plaintext = template.document
    for old, new in written.items():
        plaintext = plaintext.replace(old, new)
    yield "entity", _entity(template, entities.sealer, case, subject, plaintext, link)


def _renamed(value: Any, renamed: Mapping[UUID, UUID]) -> Any:
    return renamed.get(value, value) if isinstance(value, UUID) else value


def _linked(entities: Entities, columns: Sequence[str], row: Row, link: bytes) -> tuple[Row, bytes]:
    """A row of the log, chained to the one before; and the link to it."""
    found = dict(zip(columns, row, strict=True)) | {"prevhash": link}
    event = entities.codec.make(
        found["id"], entities.streams.source, found["type"], found["entity"], found["seq"],
        found["after"], found["recordedat"], link, found["value"],
    )  # fmt: skip
    return tuple(found.values()), event.digest()


def _entity(
    template: _Template, sealer: Sealer, case: UUID, subject: UUID, plaintext: bytes, link: bytes
) -> Row:
    row = dict(zip(template.entity.columns, template.entity.rows[0], strict=True))
    state = sealer.seal(subject, plaintext, case.bytes)
    fresh = {
        "id": case,
        "subject": subject,
        "part": case.bytes[-1] % _PARTITIONS,
        "p1": link,
        "state": state,
    }
    return tuple((row | fresh).values())
