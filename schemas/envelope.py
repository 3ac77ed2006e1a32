"""The CloudEvents 1.0 envelope in Kafka's binary content mode, and the hash that chains it.

Owns the names of the `ce_*` headers and what the hash covers. Never looks into the value: a
sealed field is ciphertext here, so a chain still verifies after a subject's key is destroyed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
Headers = Iterable[tuple[str, bytes | None]]
_REQUIRED = ("ce_id", "ce_source", "ce_type", "ce_specversion")
_READ = ("ce_", "content-type")
_SPEC_HEADER = ("ce_specversion", SPEC_VERSION.encode())
_CONTENT_HEADER = ("content-type", CONTENT_TYPE.encode())
_length = struct.Struct(">I").pack


class EnvelopeError(ValueError):
    """The headers are not a CloudEvent we can read; `str()` says which one and why."""


class Envelope(Struct, frozen=True):
    """One event of a case's stream.

    `sequence` is the position in the case's stream of that topic (1, 2, 3...), 0 for events that
    belong to no case. `after` names every input position the producer had applied
    (`cases:17,actions-answered:2`). `recordedat` is the producer's domain time; `prevhash` is the
    `digest()` of the event before (empty for the first).
    """

    id: UUID
    source: str
    type: str
    subject: UUID | None
    sequence: int
    after: str
    recordedat: datetime
    prevhash: bytes
    value: bytes

    def digest(self) -> bytes:
        """SHA-256 over id, type, sequence, after, recordedat, prevhash and value."""
        return chain_hash(
            self.id,
            self.type,
            self.sequence,
            self.after,
            self.recordedat,
            self.prevhash,
            self.value,
        )


def chain_hash(
    event_id: UUID,
    event_type: str,
    sequence: int,
    after: str,
    recordedat: datetime,
    prevhash: bytes,
    value: bytes,
) -> bytes:
    """SHA-256 of the length-prefixed parts, so that no two different events share an input."""
    kind, number, applied = event_type.encode(), b"%d" % sequence, after.encode()
    instant = recordedat.isoformat().encode()
    # Written out and joined: this runs for every event that comes or goes.
    return sha256(
        b"".join(
            (
                _length(16), event_id.bytes, _length(len(kind)), kind,
                _length(len(number)), number, _length(len(applied)), applied,
                _length(len(instant)), instant, _length(len(prevhash)), prevhash,
                _length(len(value)), value,
            )
        )
    ).digest()  # fmt: skip


def to_headers(event: Envelope) -> list[tuple[str, bytes]]:
    """The Kafka headers of an event, in a fixed order."""
    instant = event.recordedat.isoformat().encode()
    headers = [
        _SPEC_HEADER,
        ("ce_id", str(event.id).encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", instant),
        ("ce_recordedat", instant),
        _CONTENT_HEADER,
    ]
    if event.subject is not None:
        headers.append(("ce_subject", str(event.subject).encode()))
    if event.sequence:
        headers.append(("ce_sequence", b"%d" % event.sequence))
        headers.append(("ce_prevhash", event.prevhash.hex().encode()))
    if event.after:
        headers.append(("ce_after", event.after.encode()))
    return headers


def from_headers(headers: Headers, value: bytes, read_id: Callable[[str], UUID] = UUID) -> Envelope:
    """The event that these headers and this value carry; `read_id` makes the ids.

    Raises `EnvelopeError` naming the header when one is missing or cannot be read.
    """
    texts = header_texts(headers)
    subject = texts.get("ce_subject")
    return Envelope(
        _id(read_id, "ce_id", texts["ce_id"]),
        texts["ce_source"],
        texts["ce_type"],
        _id(read_id, "ce_subject", subject) if subject is not None else None,
        _sequence(texts.get("ce_sequence", "0")),
        texts.get("ce_after", ""),
        _instant("ce_recordedat", texts.get("ce_recordedat")),
        _hex("ce_prevhash", texts.get("ce_prevhash", "")),
        value,
    )


def header_texts(headers: Headers) -> Mapping[str, str]:
    """The CloudEvents attributes as text; other headers are ignored, broken ones are an error."""
    texts: dict[str, str] = {}
    for name, raw in headers:
        if not name.startswith(_READ):
            continue
        if raw is None:
            raise EnvelopeError(f"header {name} is null")
        if name in texts:
            raise EnvelopeError(f"header {name} stands twice")
        try:
            texts[name] = raw.decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError(f"header {name} is not UTF-8") from error
    missing = [name for name in _REQUIRED if not texts.get(name)]
    if missing:
        raise EnvelopeError(f"header {missing[0]} is missing")
    if texts["ce_specversion"] != SPEC_VERSION:
        raise EnvelopeError(f"ce_specversion is {texts['ce_specversion']!r}, not {SPEC_VERSION}")
    return texts


def parse_after(text: str) -> dict[str, int]:
    """`cases:17,actions-answered:2` as a mapping. Raises `EnvelopeError` on anything else."""
    positions: dict[str, int] = {}
    for part in text.split(",") if text else ():
        topic, colon, number = part.strip().rpartition(":")
        if not colon or not topic or not (number.isascii() and number.isdigit()):
            raise EnvelopeError(f"{part!r} is not a stream position such as cases:17")
        positions[topic] = int(number)
    return positions


def format_after(positions: Mapping[str, int]) -> str:
    """The opposite of `parse_after`; positions of 0 say nothing and are left out."""
    return ",".join(f"{topic}:{number}" for topic, number in sorted(positions.items()) if number)


def _id(read: Callable[[str], UUID], name: str, text: str) -> UUID:
    try:
        return read(text)
    except ValueError as error:
        raise EnvelopeError(f"{name} is {text!r}, not a UUID") from error


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise EnvelopeError(f"ce_sequence is {text!r}, not a whole number")
    return int(text)


def _instant(name: str, text: str | None) -> datetime:
    if text is None:
        raise EnvelopeError(f"header {name} is missing")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise EnvelopeError(f"{name} is {text!r}, not an ISO 8601 instant") from error
    if instant.tzinfo is None:
        raise EnvelopeError(f"{name} is {text!r}, without an offset")
    return instant


def _hex(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise EnvelopeError(f"{name} is not hexadecimal") from error
