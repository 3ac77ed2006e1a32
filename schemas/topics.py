"""The table topic - key - events, and how a message's type and value become event data.

Owns topic names and upcasting of old versions. Never opens a sealed blob.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from pydantic_core import from_json

from schemas.actions import ACTION_EVENTS
from schemas.case_events import CASE_EVENTS
from schemas.control import CONTROL_EVENTS
from schemas.escalation import LADDER_EVENTS
from schemas.event import PREFIX, EventData
from schemas.notification import DELIVERY_EVENTS
from schemas.shadow import ShadowStepped

REPORTS: Final = "reports"
CASES: Final = "cases"
ESCALATIONS: Final = "escalations"
SHADOW: Final = "escalations-shadow"
ACTIONS: Final = "actions"
ACTIONS_ANSWERED: Final = "actions-answered"
DELIVERIES: Final = "deliveries"
STREAM_CONTROL: Final = "stream-control"
SEALED_FIELD: Final = "sealed"

SERVICES: Final = ("intake", "escalation", "notifier")


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One row of the topic table; `writer` is None where other backends write."""

    name: str
    writer: str | None
    readers: tuple[str, ...]
    events: tuple[type[EventData], ...]
    retention_days: int


TOPICS: Final[tuple[TopicRow, ...]] = (
    TopicRow(REPORTS, None, ("intake",), (), 7),
    TopicRow(CASES, "intake", ("escalation", "notifier"), CASE_EVENTS, 30),
    TopicRow(ESCALATIONS, "escalation", ("notifier",), LADDER_EVENTS, 30),
    TopicRow(SHADOW, "escalation", (), (ShadowStepped,), 30),
    TopicRow(ACTIONS, "escalation", (), ACTION_EVENTS, 7),
    TopicRow(ACTIONS_ANSWERED, None, ("escalation",), (), 7),
    TopicRow(DELIVERIES, "notifier", (), DELIVERY_EVENTS, 30),
    TopicRow(STREAM_CONTROL, None, SERVICES, (), 7),
    *(TopicRow(f"{service}.dead-letters", service, (), (), 30) for service in SERVICES),
)

_EVENTS: Final[Mapping[str, type[EventData]]] = {
    event.type_name(): event
    for events in (*(row.events for row in TOPICS), CONTROL_EVENTS)
    for event in events
}
_TYPE: Final = re.compile(r"^recourse\.(?P<name>[a-z_]+\.[a-z_]+)\.v(?P<version>[1-9][0-9]{0,3})$")


class UnreadableValue(ValueError):
    """The value is not what its type promises; `str()` says where."""


def topic_names(prefix: str) -> tuple[str, ...]:
    """Every topic of one installation, with its prefix."""
    return tuple(prefix + row.name for row in TOPICS)


def all_events() -> tuple[type[EventData], ...]:
    """Every event of ours, by type."""
    return tuple(_EVENTS[name] for name in sorted(_EVENTS))


def event_class(type_name: str) -> type[EventData] | None:
    """The class of a CloudEvents type; None for a type that this release does not know."""
    return _EVENTS.get(type_name)


def foreign_name(type_name: str) -> str:
    """The bare name of a foreign type: `case.reported` is version 1 of itself."""
    match = _TYPE.match(type_name)
    return match["name"] if match and match["version"] == "1" else type_name.removeprefix(PREFIX)


def parse_value(value: bytes) -> dict[str, Any]:
    """The JSON object of a value. Raises `UnreadableValue`."""
    try:
        parsed = from_json(value, cache_strings="keys")
    except ValueError as error:
        raise UnreadableValue(f"the value is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise UnreadableValue("the value is not a JSON object")
    return parsed


def sealed_value(public: bytes, subject: UUID, blob: bytes) -> bytes:
    """A value's bytes: its public half (a JSON object), and the sealed half beside it."""
    comma = b"" if public == b"{}" else b","
    sealed = b'"%b":{"subject":"%b","blob":"%b"}}' % (
        SEALED_FIELD.encode(),
        str(subject).encode(),
        b2a_base64(blob, newline=False),
    )
    return public[:-1] + comma + sealed
