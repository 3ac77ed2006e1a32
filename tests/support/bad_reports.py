"""Bad reports: what is sent, what HTTP names and why Kafka's dead letter says it was not taken.

Owns the table; each line is a class of bad input. `HEADERS` are classes that Kafka alone knows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.support.cases import report_body

JSON: Final = "application/json"
_GONE: Final = object()


@dataclass(frozen=True)
class Bad:
    """One bad body. HTTP answers `status` with `pointer`; Kafka's dead letter has `reason`."""

    raw: bytes
    pointer: str
    reason: str
    status: int = 422
    content_type: str = JSON
    kafka: bool = True


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """A good report with one value changed, or taken out."""
    body = report_body()
    *parents, name = pointer.strip("/").split("/")
    place: Any = body
    for parent in parents:
        place = place[parent]
    if value is _GONE:
        del place[name]
    else:
        place[name] = value
    return body


def _field(pointer: str, value: Any, reason: str = "invalid_value", at: str | None = None) -> Bad:
    raw = json.dumps(changed(pointer, value)).encode()  # as ASCII: what UTF-8 cannot say, too
    return Bad(raw, pointer if at is None else at, reason)


def _raw(raw: bytes, pointer: str = "", reason: str = "not_json", **more: Any) -> Bad:
    return Bad(raw, pointer, reason, **more)


GOOD: Final = json.dumps(report_body(), ensure_ascii=False).encode()
_ASCII: Final = json.dumps(report_body()).encode()
_SOURCE: Final = b'"source": "call-centre"'


def _instead(of: bytes, put: bytes) -> bytes:
    assert of in _ASCII
    return _ASCII.replace(of, put)


_FACTS: Final = b'"facts": {'
_DEEP: Final = b'{"x": ' * 40 + b"1" + b"}" * 40

BODIES: Final[dict[str, Bad]] = {
    # no JSON, or not the JSON that can be relied on
    "nothing": _raw(b"", reason="not_json"),
    "cut off": _raw(GOOD[:200]),
    "two values": _raw(GOOD + GOOD),
    "not UTF-8": _raw(_instead(b"call-centre", b"caf\xe9")),
    "overlong UTF-8": _raw(_instead(b"call-centre", b"call\xc0\xafcentre")),
    "UTF-16": _raw(GOOD.decode().encode("utf-16")),
    "a byte order mark": _raw(b"\xef\xbb\xbf" + GOOD),
    "a raw NUL": _raw(_instead(b"call-centre", b"call\x00centre")),
    "an escaped NUL": _field("/description", "a\0b", "not_json"),
    "a NUL in a name": _raw(_instead(_FACTS, b'"facts": {"a\\u0000b": 1, '), "/facts"),
    "a name twice": _raw(_instead(_SOURCE, _SOURCE + b", " + _SOURCE), "/source"),
    "a name twice inside": _raw(
        _instead(b'"channel": "phone"', b'"channel": "chat", "channel": "phone"'),
        "/contact/channel",
    ),
    "NaN": _raw(_instead(_FACTS, b'"facts": {"x": NaN, ')),
    "Infinity": _raw(_instead(_FACTS, b'"facts": {"x": -Infinity, ')),
    "a float beyond floats": _raw(_instead(_FACTS, b'"facts": {"x": 1e999, ')),
    "an integer of 5000 digits": _raw(_instead(_FACTS, b'"facts": {"x": ' + b"9" * 5000 + b", ")),
    "too deep": _raw(_instead(_FACTS, b'"facts": {"x": ' + _DEEP + b", "), "/facts/x/x"),
    "a bomb of arrays": _raw(b"[" * 100_000),
    "a bomb of objects": _raw(b'{"a":' * 40_000),
    "an array": _raw(b"[" + GOOD + b"]", reason="not_an_object"),
    "an empty array": _raw(b"[]", reason="not_an_object"),
    "null": _raw(b"null", reason="not_an_object"),
    "a string": _raw(json.dumps(GOOD.decode()).encode(), reason="not_an_object"),
    "an empty object": _raw(b"{}", "/source", "invalid_value"),
    # HTTP alone
    "oversized": Bad(
        json.dumps(report_body(description="x" * 300_000)).encode(), "", "", 413, kafka=False
    ),
    "another content type": Bad(GOOD, "/Content-Type", "", content_type="text/xml", kafka=False),
    "a form": Bad(
        GOOD, "/Content-Type", "", content_type="application/x-www-form-urlencoded", kafka=False
    ),
    "no content type": Bad(GOOD, "/Content-Type", "", content_type="", kafka=False),
    # what is missing, and what is too much
    "no source": _field("/source", _GONE),
    "no identity": _field("/external_id", _GONE),
    "no customer": _field("/customer", _GONE),
    "no contact": _field("/contact", _GONE),
    "an unknown field": _field("/priority", "high"),
    "an unknown field inside": _field("/customer/nickname", "x"),
    "null for a text": _field("/description", None),
    # whose word it is
    "a role that is none": _field("/by", {"role": "king", "id": "x"}, at="/by/role"),
    "a customer who verified themselves": _field(
        "/by",
        {"role": "customer", "id": "cust-1001"},
        "identity_not_theirs_to_verify",
        "/customer/identity_verified",
    ),
    # texts
    "an empty text": _field("/description", ""),
    "an empty identity": _field("/external_id", ""),
    "a number for a text": _field("/external_id", 778),
    "an overlong identity": _field("/external_id", "x" * 201),
    "an overlong text": _field("/description", "x" * 20_001),
    "an overlong name": _field("/customer/name", "名" * 501),
    "a line break in an identity": _field("/external_id", "a\nb"),
    "a lone surrogate": _field("/description", "\ud800"),
    "a lone surrogate in a fact": _field("/facts", {"x": "\ud83d"}),
    # words of a list
    "an unknown category": _field("/category", "nonsense"),
    "a category in capitals": _field("/category", "REFUND"),
    "an unknown channel": _field("/contact/channel", "pigeon"),
    "a direction in capitals": _field("/contact/direction", "Inbound"),
    "a list for a word": _field("/category", ["refund"]),
    # instants
    "no instant": _field("/occurred_at", "yesterday"),
    "an instant without offset": _field("/occurred_at", "2026-11-20T09:58:00"),
    "a day for an instant": _field("/occurred_at", "2026-11-20"),
    "the year 0": _field("/occurred_at", "0000-01-01T00:00:00Z"),
    "the year 1": _field("/occurred_at", "0001-01-01T00:00:00Z", "occurred_too_early"),
    "the year 1, far east": _field(
        "/occurred_at", "0001-01-01T00:00:00+14:00", "occurred_too_early"
    ),
    "the year 9999": _field("/occurred_at", "9999-12-31T23:59:59Z", "occurred_in_the_future"),
    "the year 9999, far west": _field(
        "/occurred_at", "9999-12-31T23:59:59-12:00", "occurred_in_the_future"
    ),
    "the 30th of February": _field("/occurred_at", "2026-02-30T10:00:00+08:00"),
    "an offset of two days": _field("/occurred_at", "2026-11-20T09:58:00+48:00"),
    "a clock that is ahead": _field(
        "/occurred_at", "2026-11-20T10:16:00+08:00", "occurred_in_the_future"
    ),
    "a contact of next year": _field(
        "/contact/occurred_at", "2027-01-01T00:00:00Z", "occurred_in_the_future"
    ),
    "a transaction without offset": _field("/transaction/at", "2026-11-20T09:41:12"),
    # places and languages
    "no zone": _field("/customer/time_zone", "Mars/Olympus"),
    "an offset for a zone": _field("/customer/time_zone", "+08:00"),
    "a path for a zone": _field("/customer/time_zone", "../../etc/passwd"),
    "no locale": _field("/customer/locale", "chinese, please"),
    # how to reach somebody
    "no address": _field("/customer/email", "not an address"),
    "an address with a line break": _field("/customer/email", "a@example.com\nBcc: b@example.com"),
    "a phone without country": _field("/customer/phone", "13800000000"),
    "letters in a phone": _field("/customer/phone", "+86 CALL ME"),
    # money
    "a negative amount": _field("/transaction/amount", "-1"),
    "no amount": _field("/transaction/amount", "much"),
    "an amount with separators": _field("/transaction/amount", "1,280.00"),
    "an amount of two points": _field("/transaction/amount", "12.80.00"),
    "an amount that is NaN": _field("/transaction/amount", "NaN"),
    "an infinite amount": _field("/transaction/amount", "Infinity"),
    "an amount too large": _field("/transaction/amount", "9" * 19),
    "an amount too fine": _field("/transaction/amount", "0.0000001"),
    "a currency in small letters": _field("/transaction/currency", "cny"),
    "no currency": _field("/transaction/currency", "yuan"),
    "an amount without currency": _field("/transaction/currency", _GONE, at="/transaction"),
    # lists and objects
    "an array for an object": _field("/customer", []),
    "an array for facts": _field("/facts", []),
    "a fact without a name": _field("/facts", {"": 1}),
    "a fact in capitals": _field("/facts", {"Bank": 1}),
    "a hundred and one facts": _field("/facts", {f"f{n}": n for n in range(101)}),
    "an object for evidence": _field("/evidence", {}),
    "evidence without hash": _field("/evidence", [{"media_type": "image/png"}]),
    "evidence with half a hash": _field("/evidence", [{"sha256": "ab", "media_type": "image/png"}]),
    "too much evidence": _field("/evidence", [{"sha256": "a" * 64, "media_type": "x"}] * 51),
    "an agent without number": _field("/contact/agent", {"name": "李四"}),
    "an agent's name alone": _field("/contact/agent", "李四"),
}

Headers = list[tuple[str, bytes | None]]
_FINE: Final[dict[str, bytes]] = {
    "ce_specversion": b"1.0",
    "ce_id": b"m",
    "ce_source": b"backend",
    "ce_type": b"case.reported",
    "content-type": b"application/json",
}


def _headers(**changes: bytes | None) -> Headers:
    return [*{**_FINE, **changes}.items()]


def _without(name: str) -> Headers:
    return [(each, value) for each, value in _FINE.items() if each != name]


HEADERS: Final[dict[str, Headers]] = {
    "none at all": [],
    "no id": _without("ce_id"),
    "no source": _without("ce_source"),
    "no type": _without("ce_type"),
    "no specversion": _without("ce_specversion"),
    "an empty id": _headers(ce_id=b""),
    "an id that is null": _headers(ce_id=None),
    "an id that is not UTF-8": _headers(ce_id=b"\xff\xfe"),
    "a type that is not UTF-8": _headers(ce_type=b"\xc3\x28"),
    "an id twice": [*_headers(), ("ce_id", b"other")],
    "a type twice": [*_headers(), ("ce_type", b"contact.reported")],
    "another specversion": _headers(ce_specversion=b"0.3"),
    "an unknown type": _headers(ce_type=b"case.danced"),
    "a version that does not exist": _headers(ce_type=b"recourse.case.reported.v99"),
    "a time that is none": _headers(ce_time=b"yesterday"),
    "a time without offset": _headers(ce_time=b"2026-11-20T10:00:00"),
    "another content type": _headers(**{"content-type": b"text/xml"}),
}
"""Headers that are no CloudEvent of ours, around a good body."""

CLOUD_EVENT: Final = "application/cloudevents+json"
_ENVELOPE: Final = b'{"specversion": "1.0", "id": "%b", "source": "b", "type": "case.reported"'


def structured(body: bytes, id: str) -> bytes:
    """A body in the structured mode of CloudEvents: all of it is one JSON text."""
    return _ENVELOPE % id.encode() + b', "data": ' + body + b"}"


def _envelope(**changes: Any) -> bytes:
    event = json.loads(structured(GOOD, "m"))
    kept = {**event, **changes}.items()
    return json.dumps({name: value for name, value in kept if value is not _GONE}).encode()


_OPEN: Final = _envelope(data={})[:-1]

ENVELOPES: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "not_json"),
    "null": (b"null", "undecodable"),
    "an array of events": (b"[" + _envelope() + b"]", "undecodable"),
    "not UTF-8": (_OPEN + b', "x": "\xff"}', "not_json"),
    "an attribute twice": (_OPEN + b', "id": "other"}', "not_json"),
    "data twice": (_OPEN + b', "data": {}}', "not_json"),
    "NaN for an extension": (_OPEN + b', "x": NaN}', "not_json"),
    "a huge number for an extension": (_OPEN + b', "x": 1e999}', "not_json"),
    "a NUL in an id": (_envelope(id="a\0b"), "not_json"),
    "no id": (_envelope(id=_GONE), "undecodable"),
    "an empty id": (_envelope(id=""), "undecodable"),
    "a number for an id": (_envelope(id=7), "undecodable"),
    "no source": (_envelope(source=_GONE), "undecodable"),
    "an object for a source": (_envelope(source={}), "undecodable"),
    "no type": (_envelope(type=_GONE), "undecodable"),
    "an unknown type": (_envelope(type="case.danced"), "unknown_type"),
    "no specversion": (_envelope(specversion=_GONE), "undecodable"),
    "a number for a specversion": (_envelope(specversion=1.0), "undecodable"),
    "another specversion": (_envelope(specversion="0.3"), "undecodable"),
    "no data": (_envelope(data=_GONE), "undecodable"),
    "data in base64": (_envelope(data=_GONE, data_base64="e30="), "undecodable"),
    "data that is null": (_envelope(id="null", data=None), "not_an_object"),
    "data that is empty": (_envelope(id="empty", data={}), "invalid_value"),
    "data of another type": (_envelope(datacontenttype="text/xml"), "undecodable"),
    "a time without offset": (_envelope(time="2026-11-20T10:00:00"), "undecodable"),
}
"""Structured events that are none, and why Kafka's dead letter says so."""
