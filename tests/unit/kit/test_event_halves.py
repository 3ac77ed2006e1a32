"""The two halves of an event as JSON say what they say as dicts, whatever the fields hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from benchmarks.lives import opening
from schemas.case import CaseOpened, ContactAdded, PackPin
from schemas.conversation import CustomerRepliedTo
from schemas.envelope import Envelope
from schemas.event import EventData
from schemas.report import Actor, Contact, Customer, Transaction
from schemas.topics import all_events
from schemas.vocabulary import Channel, Direction, Role, Status
from schemas.wire import Wire

_AT = datetime(2026, 11, 20, 2, 0, 0, 5, tzinfo=UTC)
_PIN = PackPin(name="wallet-default", version="1", digest="sha256:0")
_PLAIN = opening(UUID(int=2), _PIN, _AT)
_FULL = CaseOpened.model_validate(
    _PLAIN.__dict__
    | {
        "amount": Decimal("1280.00"),
        "currency": "CNY",
        "missing_facts": ("a", "b"),
        "consumed": {"resolution": timedelta(hours=2, minutes=30)},
        "customer": Customer(id="c", name="张三", email="a@example.com"),
        "contact": Contact(channel=Channel.PHONE, occurred_at=_AT),
        "transaction": Transaction(id="t", amount=Decimal("1.50"), currency="CNY", at=_AT),
        "facts": {"tried": ["app", None, 1.5, {"at": "now"}], "empty": {}},
    }
)
_EMPTY = CustomerRepliedTo(status=Status.OPEN, channel=Channel.CHAT, text="")
_CONTACT = ContactAdded(
    status=Status.OPEN,
    by_role=Role.AGENT,
    by=Actor(role=Role.AGENT, id="A1024", name="李四"),
    contact_id=UUID(int=3),
    channel=Channel.CHAT,
    direction=Direction.OUTBOUND,
    occurred_at=_AT,
    started_at=_AT,
)


@pytest.mark.parametrize("event", [_PLAIN, _FULL, _EMPTY, _CONTACT], ids=repr)
def test_the_halves_as_json_are_the_halves(event: EventData) -> None:
    public, private = event.halves()
    wanted_public, wanted_private = event.split()
    assert json.loads(public) == wanted_public
    assert (json.loads(private) if private else {}) == wanted_private


def test_every_event_is_written_by_its_own_fields() -> None:
    for kind in all_events():
        fields = {**kind.model_construct().__dict__, "unknown": 1}
        public, private = (json.loads(write(fields)) for write in kind._writers())
        assert kind.private_fields().isdisjoint(public)
        assert private.keys() <= kind.private_fields()
        assert public.keys() | private.keys() == fields.keys() - {"unknown"}


def test_a_sealed_value_is_read_back() -> None:
    wire = Wire()
    for public in (b"{}", b'{"status":"open"}'):
        value = wire.sealed_value(public, UUID(int=9), b"\x01\xff")
        assert wire.parse_value(value) == (
            json.loads(public),
            {"subject": str(UUID(int=9)), "blob": "Af8="},
        )


def test_a_value_is_hashed_as_it_was_written() -> None:
    public, _ = _PLAIN.halves()
    one, other = (
        Envelope(UUID(int=1), "s", "t", None, 1, "", _AT, b"", value).digest()
        for value in (public, public.replace(b":", b": ", 1))
    )
    assert one != other
