"""Ids as the database driver's own type: a `uuid.UUID` in every way, made and compared in C.

Owns how ids are derived and read. Never makes a random one.
"""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID

from asyncpg.pgproto import pgproto


def derive(namespace: UUID, name: str) -> UUID:
    """`uuid.uuid5`, at a third of its price: the same name has the same id everywhere."""
    digest = bytearray(sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    made: UUID = pgproto.UUID(bytes(digest))
    return made


def read(text: str) -> UUID:
    """The id that a text names. Raises `ValueError`."""
    found: UUID = pgproto.UUID(text)
    return found
