"""The events that keep the streams themselves honest: heartbeats, confirmations, resends.

Owns their fields. `t` is always real (database) time, never simulated.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from schemas.event import EventData


class StreamHeartbeat(EventData):
    """Every event recorded before `t` is published, except those of the `stopped` cases."""

    event_name: ClassVar[str] = "stream.heartbeat"

    t: datetime
    stopped: tuple[UUID, ...] = ()


class CaseSnapshot(EventData):
    """The state of a case at a sequence, for a reader that cannot get the events before it."""

    event_name: ClassVar[str] = "case.snapshot"

    stands_for_sequence: int
    stands_for_hash: str
    state: dict[str, Any]


class StreamConfirmed(EventData):
    """A consumer has applied everything of `topic` recorded before `t`."""

    event_name: ClassVar[str] = "stream.confirmed"

    consumer: str
    topic: str
    t: datetime


class ResendRequested(EventData):
    """A consumer misses events of a case: please publish them again."""

    event_name: ClassVar[str] = "resend.requested"

    consumer: str
    topic: str
    case_id: UUID
    from_sequence: int
    to_sequence: int


class DeadLettered(EventData):
    """A message could not be taken; its bytes rest sealed at the consumer under `hash`."""

    event_name: ClassVar[str] = "message.dead_lettered"

    hash: str
    reason: str
    topic: str
    partition: int
    offset: int
    case_id: UUID | None = None


CONTROL_EVENTS: tuple[type[EventData], ...] = (
    StreamHeartbeat,
    CaseSnapshot,
    StreamConfirmed,
    ResendRequested,
    DeadLettered,
)
