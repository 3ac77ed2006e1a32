"""Looks for planted personal data wherever it must not be, in every form it may hide in.

Owns the forms (UTF-8, JSON escapes, base64 at any offset, hexadecimal, percent) and the places, and
what lies in them packed by gzip or zlib.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg

SCHEMAS = ("intake", "escalation", "notifier", "keys")


def forms(secret: bytes) -> dict[str, bytes]:
    """How a secret may be written; of base64 what does not depend on its neighbours."""
    text = secret.decode("utf-8", "surrogateescape")
    found = {
        "as it is": secret,
        "hexadecimal": secret.hex().encode(),
        "base64 at 0": base64.b64encode(secret)[: len(secret) // 3 * 4],
        "base64 at 1": base64.b64encode(b"\0" + secret)[4 : (len(secret) + 1) // 3 * 4],
        "base64 at 2": base64.b64encode(b"\0\0" + secret)[4 : (len(secret) + 2) // 3 * 4],
    }
    if "\udc80" <= max(text) <= "\udcff":
        return found
    found |= {
        "JSON escapes": json.dumps(text)[1:-1].encode(),
        "percent": quote(text).encode(),
        "UTF-16": text.encode("utf-16-le"),
    }
    return found


class Search:
    """Which of the planted secrets lie in a place; `secrets` are named."""

    def __init__(self, secrets: Mapping[str, str | bytes]) -> None:
        self._needles = {
            (name, form): needle
            for name, secret in secrets.items()
            for form, needle in forms(
                secret if isinstance(secret, bytes) else secret.encode()
            ).items()
        }
        assert all(len(needle) >= 8 for needle in self._needles.values()), "too short to mean it"

    def found(self, places: Iterable[tuple[str, bytes]]) -> list[str]:
        """One line for each secret and place, to print."""
        return sorted(
            {
                f"{name} ({form}) in {place}"
                for place, content in places
                for (name, form), needle in self._needles.items()
                if needle in content
            }
        )


_PACKED = (b"\x1f\x8b\x08", b"\x78\x9c", b"\x78\xda")
_EITHER = 32 + zlib.MAX_WBITS
_LONGEST = 1 << 20


def unpacked(places: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """What begins in a place like a gzip or zlib stream and can be read, as far as it can."""
    for place, content in places:
        for magic in _PACKED:
            at = content.find(magic)
            while at >= 0:
                try:
                    opened = zlib.decompressobj(_EITHER).decompress(content[at:], _LONGEST)
                except zlib.error:
                    opened = b""
                if len(opened) >= 8:
                    yield f"{place}, packed at {at}", opened
                at = content.find(magic, at + 1)


def on_topics(records: Iterable[Any], without: str) -> Iterator[tuple[str, bytes]]:
    """Key, headers and value of each record, except of one topic."""
    for record in records:
        if record.topic == without:
            continue
        place = f"topic {record.topic}"
        kind = dict(record.headers).get("ce_type", b"").decode()
        yield f"{place}, key", record.key or b""
        yield f"{place}, value of {kind}", record.value or b""
        for name, text in record.headers:
            yield f"{place}, header {name} of {kind}", name.encode() + b"=" + (text or b"")


async def in_tables(dsn: str) -> list[tuple[str, bytes]]:
    """Every cell of every table of our schemas."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "SELECT table_schema AS s, table_name AS t FROM information_schema.tables "
            "WHERE table_schema = ANY($1::text[])",
            list(SCHEMAS),
        )
        cells = []
        for table in tables:
            for row in await connection.fetch(f'SELECT * FROM "{table["s"]}"."{table["t"]}"'):
                cells += [
                    (f"table {table['s']}.{table['t']}, column {name}", _bytes(cell))
                    for name, cell in row.items()
                ]
        return cells
    finally:
        await connection.close()


def in_files(folder: Path, without: Iterable[Path] = ()) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder: logs, and the database's own, its write-ahead log too."""
    outside = [folder / each for each in without]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(each) for each in outside):
            yield f"file {path.relative_to(folder)}", _content(path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # the database recycles its files


def _bytes(cell: Any) -> bytes:
    if isinstance(cell, bytes):
        return cell
    return (cell.hex if isinstance(cell, UUID) else str(cell)).encode()
