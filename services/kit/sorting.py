"""What one raw record is: an event of a stream, a foreign message, a heartbeat, control, or bad.

Pure. Owns the distinction and the reasons for which a record is bad; never touches a database.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from services.kit import ids
from services.kit.strict_json import NotJson, read_json
from services.kit.wire import Codec, Confirmation, Event, Foreign, Record, Resend


class Sealed(Struct, frozen=True):
    """The sealed half of a value: whose key, and the blob."""

    subject: UUID
    blob: bytes


class Sequenced(Struct, frozen=True):
    """An event of an entity's stream."""

    record: Record
    topic: str
    entity: UUID
    event: Event
    hash: bytes
    after: Mapping[str, int]
    public: dict[str, Any]
    sealed: Sealed | None


@dataclass(frozen=True, slots=True)
class Stranger:
    """A message of a topic that others write."""

    record: Record
    topic: str
    message: Foreign


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat: everything recorded before `t` is in this partition already."""

    topic: str
    partition: int
    t: datetime


@dataclass(frozen=True, slots=True)
class Control:
    """Something about our own streams."""

    what: Confirmation | Resend


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that can never be taken, and why."""

    record: Record
    topic: str
    reason: str
    detail: str
    entity: UUID | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """A record that says nothing to this reader."""


Sorted = Sequenced | Stranger | Beat | Control | Bad | Noise


@dataclass(frozen=True, slots=True)
class Reader:
    """Which topics (without prefix) are read as what."""

    prefix: str
    sequenced: Collection[str]
    foreign: Collection[str]
    control: str
    codec: Codec

    def sort(self, record: Record) -> Sorted:
        """Decide what a record is. Never raises."""
        topic = record.topic.removeprefix(self.prefix)
        try:
            if record.value is None:
                return Bad(record, topic, "tombstone", "the value is null")
            if topic in self.foreign:
                message = self.codec.decode_foreign(record.headers, record.value, read_json)
                return Stranger(record, topic, message)
            event = self.codec.decode(record.headers, record.value)
            return self._ours(record, topic, event)
        except NotJson as error:
            return Bad(record, topic, "not_json", str(error)[:200])
        except ValueError as error:
            return Bad(record, topic, "undecodable", str(error)[:500])

    def _ours(self, record: Record, topic: str, event: Event) -> Sorted:
        if (t := self.codec.heartbeat_instant(event)) is not None:
            return Beat(topic, record.partition, t)
        if topic == self.control:
            what = self.codec.read_control(event)
            return Control(what) if what else Noise()
        if event.subject is None or event.sequence == 0:
            return Bad(record, topic, "unaddressed", "an event needs ce_subject and ce_sequence")
        return self._sequenced(record, topic, event, event.subject)

    def _sequenced(self, record: Record, topic: str, event: Event, entity: UUID) -> Sorted:
        try:
            public, sealed = self.codec.parse_value(event.value)
            after = self.codec.parse_after(event.after)
            half = _sealed(sealed) if sealed else None
        except ValueError as error:
            return Bad(record, topic, "invalid_value", str(error)[:500], entity, event.sequence)
        return Sequenced(record, topic, entity, event, event.digest(), after, public, half)


def _sealed(half: Mapping[str, str]) -> Sealed:
    try:
        return Sealed(ids.read(half["subject"]), base64.b64decode(half["blob"], validate=True))
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"the sealed half is not a subject and a blob: {error!r}") from error


def is_work(item: Sorted) -> bool:
    """Whether it must not come again needlessly; what streams say of their progress may."""
    if isinstance(item, Control):
        return isinstance(item.what, Resend)
    return not isinstance(item, Beat | Noise)


def sort_all(reader: Reader, records: Sequence[Record]) -> list[Sorted]:
    """Every record of a batch, in order."""
    return [reader.sort(record) for record in records]
