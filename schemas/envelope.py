"""The CloudEvents 1.0 envelope in Kafka's binary content mode, and the hash that chains it.

Owns the names of the `ce_*` headers and what the hash covers. Never looks into the value: a
sealed field is ciphertext here, so a chain still verifies after a subject's key is destroyed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
Headers = Iterable[tuple[str, bytes | None]]
_REQUIRED = ("ce_id", "ce_source", "ce_type", "ce_specversion")


class EnvelopeError(ValueError):
    """The headers are not a CloudEvent we can read; `str()` says which one and why."""


@dataclass(frozen=True, slots=True)
class Envelope:
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
    hasher = hashlib.sha256()
    parts = (
        event_id.bytes,
        event_type.encode(),
        str(sequence).encode(),
        after.encode(),
        recordedat.isoformat().encode(),
        prevhash,
        value,
    )
    for part in parts:
        hasher.update(struct.pack(">I", len(part)))
        hasher.update(part)
    return hasher.digest()


def to_headers(event: Envelope) -> list[tuple[str, bytes]]:
    """The Kafka headers of an event, in a fixed order."""
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(event.id),
        "ce_source": event.source,
        "ce_type": event.type,
        "ce_time": event.recordedat.isoformat(),
        "ce_recordedat": event.recordedat.isoformat(),
        "content-type": CONTENT_TYPE,
    }
    if event.subject is not None:
        headers["ce_subject"] = str(event.subject)
    if event.sequence:
        headers["ce_sequence"] = str(event.sequence)
        headers["ce_prevhash"] = event.prevhash.hex()
    if event.after:
        headers["ce_after"] = event.after
    return [(name, text.encode()) for name, text in headers.items()]


def from_headers(headers: Headers, value: bytes) -> Envelope:
    """The event that these headers and this value carry.

    Raises `EnvelopeError` naming the header when one is missing or cannot be read.
    """
    texts = header_texts(headers)
    return Envelope(
        id=_uuid(texts, "ce_id"),
        source=texts["ce_source"],
        type=texts["ce_type"],
        subject=_uuid(texts, "ce_subject") if "ce_subject" in texts else None,
        sequence=_sequence(texts),
        after=texts.get("ce_after", ""),
        recordedat=_instant(texts, "ce_recordedat"),
        prevhash=_hex(texts, "ce_prevhash"),
        value=value,
    )


def header_texts(headers: Headers) -> Mapping[str, str]:
    """The CloudEvents attributes as text; other headers are ignored, broken ones are an error."""
    texts: dict[str, str] = {}
    for name, raw in headers:
        if not name.startswith("ce_") and name != "content-type":
            continue
        if raw is None:
            raise EnvelopeError(f"header {name} is null")
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


def _uuid(texts: Mapping[str, str], name: str) -> UUID:
    try:
        return UUID(texts[name])
    except ValueError as error:
        raise EnvelopeError(f"{name} is {texts[name]!r}, not a UUID") from error


def _sequence(texts: Mapping[str, str]) -> int:
    text = texts.get("ce_sequence", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise EnvelopeError(f"ce_sequence is {text!r}, not a whole number")
    return int(text)


def _instant(texts: Mapping[str, str], name: str) -> datetime:
    text = texts.get(name)
    if text is None:
        raise EnvelopeError(f"header {name} is missing")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise EnvelopeError(f"{name} is {text!r}, not an ISO 8601 instant") from error
    if instant.tzinfo is None:
        raise EnvelopeError(f"{name} is {text!r}, without an offset")
    return instant


def _hex(texts: Mapping[str, str], name: str) -> bytes:
    try:
        return bytes.fromhex(texts.get(name, ""))
    except ValueError as error:
        raise EnvelopeError(f"{name} is not hexadecimal") from error
