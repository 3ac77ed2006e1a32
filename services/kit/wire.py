"""What the kit needs to know about messages, as protocols: the codec itself is passed in.

Owns the shapes `Event`, `Codec`, `Emittable` and the raw record's byte format. Knows no event
name and no field of the domain.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

Headers = Sequence[tuple[str, bytes | None]]


class Event(Protocol):
    """A decoded envelope."""

    @property
    def id(self) -> UUID: ...
    @property
    def source(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def subject(self) -> UUID | None: ...
    @property
    def sequence(self) -> int: ...
    @property
    def after(self) -> str: ...
    @property
    def recordedat(self) -> datetime: ...
    @property
    def prevhash(self) -> bytes: ...
    @property
    def value(self) -> bytes: ...
    def digest(self) -> bytes: ...


class Emittable(Protocol):
    """What a service emits: a type's name, and as JSON a public and a private half (or none)."""

    @classmethod
    def type_name(cls) -> str: ...
    def halves(self) -> tuple[bytes, bytes | None]: ...


class Foreign(Protocol):
    """A decoded message of a topic that others write."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def value(self) -> bytes: ...


class Codec(Protocol):
    """How events become bytes and back. Decoding errors are `ValueError`s that say why."""

    def make(
        self,
        id: UUID,
        source: str,
        type: str,
        subject: UUID | None,
        sequence: int,
        after: str,
        recordedat: datetime,
        prevhash: bytes,
        value: bytes,
    ) -> Event: ...
    def decode(self, headers: Headers, value: bytes) -> Event: ...
    def decode_foreign(
        self, headers: Headers, value: bytes, read_json: Callable[[bytes], Any]
    ) -> Foreign: ...
    def headers(self, event: Any) -> list[tuple[str, bytes]]: ...
    def sealed_value(self, public: bytes, subject: UUID, blob: bytes) -> bytes: ...
    def parse_value(self, value: bytes) -> tuple[dict[str, Any], dict[str, str] | None]: ...
    def known_type(self, type_name: str) -> bool: ...
    def read(self, type_name: str, data: Mapping[str, Any]) -> Any: ...
    def parse_private(self, plaintext: bytes) -> dict[str, Any]: ...
    def parse_after(self, text: str) -> dict[str, int]: ...
    def format_after(self, positions: Mapping[str, int]) -> str: ...
    def heartbeat(self, t: datetime, stopped: Sequence[UUID]) -> Emittable: ...
    def heartbeat_instant(self, event: Any) -> datetime | None: ...
    def confirmation(self, consumer: str, topic: str, t: datetime) -> Emittable: ...
    def resend_request(
        self, consumer: str, topic: str, entity: UUID, first: int, last: int
    ) -> Emittable: ...
    def read_control(self, event: Any) -> Confirmation | Resend | None: ...
    def dead_lettered(
        self, hash: str, reason: str, topic: str, part: int, offset: int, entity: UUID | None
    ) -> Emittable: ...


@runtime_checkable
class Confirmation(Protocol):
    """A consumer has applied everything of a topic that was recorded before `t`."""

    @property
    def consumer(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def t(self) -> datetime: ...


@runtime_checkable
class Resend(Protocol):
    """A consumer misses these events of an entity."""

    @property
    def topic(self) -> str: ...
    @property
    def entity(self) -> UUID: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class Record(Protocol):
    """What a broker client hands over (aiokafka's `ConsumerRecord`)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record read back from the database."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def pack(record: Record) -> bytes:
    """Key, value and headers as length-prefixed bytes; -1 stands for null."""
    parts: list[bytes | None] = [record.key, record.value]
    for name, raw in record.headers:
        parts += [name.encode("utf-8", "surrogateescape"), raw]
    return b"".join(_prefixed(part) for part in parts)


def unpack(topic: str, partition: int, offset: int, raw: bytes) -> StoredRecord:
    """The opposite of `pack`."""
    key, value, *rest = _parts(raw)
    names = [(name or b"").decode("utf-8", "surrogateescape") for name in rest[::2]]
    return StoredRecord(
        topic, partition, offset, key, value, list(zip(names, rest[1::2], strict=True))
    )


def record_hash(record: Record) -> bytes:
    """SHA-256 of key, headers and value: the same message has the same hash wherever it is read."""
    return sha256(pack(record)).digest()


def _prefixed(part: bytes | None) -> bytes:
    return struct.pack(">i", -1) if part is None else struct.pack(">i", len(part)) + part


def _parts(raw: bytes) -> Iterable[bytes | None]:
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from(">i", raw, at)
        at += 4
        if length < 0:
            yield None
        else:
            yield raw[at : at + length]
            at += length
