"""Records as bytes, and the codec against the CloudEvents package."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Envelope, EnvelopeError, from_headers, parse_after, to_headers
from schemas.wire import Wire
from services.kit.strict_json import NotJson, read_json
from services.kit.wire import StoredRecord, pack, unpack

RAW = st.none() | st.binary(max_size=50)


@given(RAW, RAW, st.lists(st.tuples(st.text(max_size=9), RAW), max_size=4))
def test_packed_records_come_back_as_they_were(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = StoredRecord("t", 1, 2, key, value, headers)
    assert unpack("t", 1, 2, pack(record)) == record


def an_event() -> Envelope:
    return Envelope(
        id=uuid.UUID(int=5),
        source="intake",
        type="recourse.case.opened.v1",
        subject=uuid.UUID(int=6),
        sequence=3,
        after="escalations:2",
        recordedat=datetime(2026, 11, 20, 1, 58, tzinfo=UTC),
        prevhash=b"\x01\x02",
        value=b'{"status":"open"}',
    )


def test_headers_and_back() -> None:
    event = an_event()
    back = from_headers(to_headers(event), event.value)
    assert back == event
    assert back.digest() == event.digest()


def test_another_implementation_of_cloudevents_reads_our_headers() -> None:
    event = an_event()
    message = KafkaMessage(headers=dict(to_headers(event)), key=None, value=event.value)
    read = from_binary(message, JSONFormat(), CloudEvent)
    assert read.get_id() == str(event.id)
    assert read.get_type() == event.type
    assert read.get_subject() == str(event.subject)
    assert read.get_extension("sequence") == "3"


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("ce_id", b"7", "ce_id is '7', not a UUID"),
        ("ce_id", b"\xff", "ce_id is not UTF-8"),
        ("ce_type", None, "ce_type is null"),
        ("ce_sequence", b"-1", "ce_sequence is '-1'"),
        ("ce_recordedat", b"2026-01-01T00:00:00", "without an offset"),
        ("ce_specversion", b"0.3", "ce_specversion is '0.3'"),
        ("ce_prevhash", b"zz", "not hexadecimal"),
    ],
)
def test_broken_headers_are_named(name: str, raw: bytes | None, says: str) -> None:
    headers = [(n, raw if n == name else r) for n, r in to_headers(an_event())]
    with pytest.raises(EnvelopeError, match=says):
        from_headers(headers, b"{}")


@pytest.mark.parametrize("text", ["cases", "cases:", ":3", "cases:-1", "cases:x", ","])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(EnvelopeError):
        parse_after(text)


STRUCTURED = (
    b'{"specversion":"1.0","id":"a","source":"s","type":"recourse.case.reported.v1","data":{"k":1}}'
)


@pytest.mark.parametrize(
    "kind",
    [
        b"application/cloudevents+json",
        b"application/cloudevents+json; charset=utf-8",
        b"Application/CloudEvents+JSON",
    ],
)
def test_structured_mode_is_read_too(kind: bytes) -> None:
    message = Wire().decode_foreign([("Content-Type", kind)], STRUCTURED, read_json)
    assert (message.id, message.type, message.value) == ("a", "case.reported", b'{"k": 1}')


@pytest.mark.parametrize(
    "kinds",
    [
        [b"application/cloudevents+jsonx"],
        [b"application/cloudevents-batch+json"],
        [b"application/cloudevents+json", b"application/cloudevents+json"],
        [None],
    ],
)
def test_what_only_looks_like_structured_mode_is_none(kinds: list[bytes | None]) -> None:
    headers = [("content-type", kind) for kind in kinds]
    with pytest.raises(EnvelopeError):
        Wire().decode_foreign(headers, STRUCTURED, read_json)


def test_structured_mode_reads_no_less_strictly_than_the_kit() -> None:
    twice = STRUCTURED.replace(b'{"k":1}', b'{"k":1,"k":2}')
    with pytest.raises(NotJson) as refused:
        Wire().decode_foreign([("content-type", b"application/cloudevents+json")], twice, read_json)
    assert refused.value.pointer == "/data/k"


def test_old_versions_are_brought_up_to_date() -> None:
    wire = Wire({"old.v1": ("old.v2", lambda d: {**d, "b": d["a"]}), "old.v2": ("new", dict)})
    assert wire.upcast("old.v1", {"a": 1}) == ("new", {"a": 1, "b": 1})
