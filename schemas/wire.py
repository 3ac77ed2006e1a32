"""The codec of our events: how they become bytes and back. Handed to the kit, which knows none.

Owns upcasting (old versions of a value become the newest) and what the control events mean.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas import envelope, topics
from schemas.control import (
    DeadLettered,
    ResendRequested,
    StreamConfirmed,
    StreamHeartbeat,
)
from schemas.envelope import Envelope, EnvelopeError, Headers
from schemas.event import EventData

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
_HEARTBEAT: Final = StreamHeartbeat.type_name()
ReadJson = Callable[[bytes], Any]
STRUCTURED: Final = "application/cloudevents+json"


@dataclass(frozen=True, slots=True)
class ForeignMessage:
    """A message of a topic that others write; `type` is the bare name (`case.reported`)."""

    id: str
    source: str
    type: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A consumer has applied everything of a topic recorded before `t`."""

    consumer: str
    topic: str
    t: datetime


@dataclass(frozen=True, slots=True)
class ResendWanted:
    """A consumer misses events of a case."""

    topic: str
    entity: UUID
    first: int
    last: int


class Wire:
    """The codec. `upcasts` maps a type of an older version to the step to the next one; `read_id`
    makes the ids of what comes in."""

    def __init__(
        self,
        upcasts: Mapping[str, tuple[str, Upcast]] | None = None,
        *,
        read_id: Callable[[str], UUID] = UUID,
    ) -> None:
        self._upcasts = upcasts or {}
        self._read_id = read_id

    def make(
        self,
        id: UUID,  # CloudEvents' own name
        source: str,
        type: str,
        subject: UUID | None,
        sequence: int,
        after: str,
        recordedat: datetime,
        prevhash: bytes,
        value: bytes,
    ) -> Envelope:
        """An envelope from its parts."""
        return Envelope(id, source, type, subject, sequence, after, recordedat, prevhash, value)

    def decode(self, headers: Headers, value: bytes) -> Envelope:
        """One of our events. Raises `EnvelopeError`."""
        return envelope.from_headers(headers, value, self._read_id)

    def decode_foreign(self, headers: Headers, value: bytes, read_json: ReadJson) -> ForeignMessage:
        """Somebody else's CloudEvent, in binary or structured mode. Raises `ValueError`.

        `read_json` reads what a stranger wrote, and says where it is none.
        """
        if _is_structured(headers):
            return _structured(read_json(value))
        texts = envelope.header_texts(headers)
        _check_foreign(texts)
        name = topics.foreign_name(texts["ce_type"])
        return ForeignMessage(texts["ce_id"], texts["ce_source"], name, value)

    def headers(self, event: Envelope) -> list[tuple[str, bytes]]:
        """The Kafka headers of an event."""
        return envelope.to_headers(event)

    def sealed_value(self, public: bytes, subject: UUID, blob: bytes) -> bytes:
        """A value's bytes: its public half, and the sealed half beside it."""
        return topics.sealed_value(public, subject, blob)

    def parse_value(self, value: bytes) -> tuple[dict[str, Any], dict[str, str] | None]:
        """The public fields, and the sealed half if there is one. Raises `UnreadableValue`."""
        content = topics.parse_value(value)
        sealed = content.pop(topics.SEALED_FIELD, None)
        if sealed is not None and not isinstance(sealed, dict):
            raise topics.UnreadableValue("the sealed half is not an object")
        return content, sealed

    def known_type(self, type_name: str) -> bool:
        """Whether this release knows the type; others advance the sequence without effect."""
        return type_name in self._upcasts or topics.event_class(type_name) is not None

    def upcast(self, type_name: str, data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The newest type and data that an older one stands for."""
        content = dict(data)
        while type_name in self._upcasts:
            type_name, step = self._upcasts[type_name]
            content = step(content)
        return type_name, content

    def read(self, type_name: str, data: Mapping[str, Any]) -> EventData | None:
        """The event that is of this type and has this data; None for a type we do not know.

        Raises pydantic's `ValidationError` (a `ValueError`) if the data is not of its type.
        """
        if type_name in self._upcasts:
            type_name, data = self.upcast(type_name, data)
        known = topics.event_class(type_name)
        return known.model_validate(data) if known is not None else None

    def parse_private(self, plaintext: bytes) -> dict[str, Any]:
        """The private fields that a sealed half holds. Raises `UnreadableValue`."""
        return topics.parse_value(plaintext)

    def parse_after(self, text: str) -> dict[str, int]:
        """The positions of an `after`. Raises `EnvelopeError`."""
        return envelope.parse_after(text)

    def format_after(self, positions: Mapping[str, int]) -> str:
        """The opposite of `parse_after`."""
        return envelope.format_after(positions)

    def heartbeat(self, t: datetime, stopped: Sequence[UUID]) -> StreamHeartbeat:
        """What a relay says each second."""
        return StreamHeartbeat(t=t, stopped=tuple(stopped))

    def heartbeat_instant(self, event: Envelope) -> datetime | None:
        """The instant of a heartbeat; None for any other event. Raises `ValueError`."""
        if event.type != _HEARTBEAT:
            return None
        return StreamHeartbeat.model_validate_json(event.value).t

    def confirmation(self, consumer: str, topic: str, t: datetime) -> StreamConfirmed:
        """What a consumer says now and then."""
        return StreamConfirmed(consumer=consumer, topic=topic, t=t)

    def resend_request(
        self, consumer: str, topic: str, entity: UUID, first: int, last: int
    ) -> ResendRequested:
        """What a consumer asks when a gap does not close."""
        return ResendRequested(
            consumer=consumer, topic=topic, case_id=entity, from_sequence=first, to_sequence=last
        )

    def read_control(self, event: Envelope) -> Confirmed | ResendWanted | None:
        """What a control event means; None for one this release does not know."""
        if event.type == StreamConfirmed.type_name():
            confirmed = StreamConfirmed.model_validate_json(event.value)
            return Confirmed(confirmed.consumer, confirmed.topic, confirmed.t)
        if event.type == ResendRequested.type_name():
            wanted = ResendRequested.model_validate_json(event.value)
            return ResendWanted(
                wanted.topic, wanted.case_id, wanted.from_sequence, wanted.to_sequence
            )
        return None

    def dead_lettered(
        self,
        hash: str,
        reason: str,
        topic: str,
        part: int,
        offset: int,
        entity: UUID | None,
    ) -> DeadLettered:
        """The announcement of a dead letter; never its bytes."""
        return DeadLettered(
            hash=hash, reason=reason, topic=topic, partition=part, offset=offset, case_id=entity
        )


def _check_foreign(texts: Mapping[str, str]) -> None:
    """What a stranger may leave out, and must not get wrong."""
    kind = texts.get("content-type", envelope.CONTENT_TYPE).partition(";")[0].strip().lower()
    if kind != envelope.CONTENT_TYPE and not kind.endswith("+json"):
        raise EnvelopeError("content-type is not JSON")
    if "ce_time" in texts:
        try:
            offset = datetime.fromisoformat(texts["ce_time"]).utcoffset()
        except ValueError as error:
            raise EnvelopeError("ce_time is not an instant of ISO 8601") from error
        if offset is None:
            raise EnvelopeError("ce_time has no offset")


def _is_structured(headers: Headers) -> bool:
    """One content type that is an event's. Two are left to whoever reads headers to refuse."""
    kinds = [raw for name, raw in headers if name.lower() == "content-type"]
    media = [(raw or b"").partition(b";")[0].strip().lower() for raw in kinds]
    return media == [STRUCTURED.encode()]


def _structured(content: Any) -> ForeignMessage:
    if not isinstance(content, dict):
        raise EnvelopeError("a structured event is a JSON object")
    texts = {name: _attribute(content, name) for name in ("id", "source", "type", "specversion")}
    if texts["specversion"] != envelope.SPEC_VERSION:
        raise EnvelopeError(f"specversion is not {envelope.SPEC_VERSION}")
    if "data" not in content:
        raise EnvelopeError("attribute data is missing")
    optional = {"content-type": "datacontenttype", "ce_time": "time"}
    _check_foreign(
        {to: _attribute(content, name) for to, name in optional.items() if name in content}
    )
    # As ASCII: what UTF-8 cannot say is the model's to refuse, as in binary mode.
    data = json.dumps(content["data"]).encode()
    return ForeignMessage(texts["id"], texts["source"], topics.foreign_name(texts["type"]), data)


def _attribute(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not value:
        raise EnvelopeError(f"attribute {name} is missing, empty or no text")
    return value
