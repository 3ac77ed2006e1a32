"""The events of topic `deliveries`: what became of each message to each recipient.

Owns their fields. A recipient is an opaque id here; the text never travels.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from schemas.event import EventData
from schemas.vocabulary import DeliveryChannel, DeliveryStatus


class DeliveryEvent(EventData):
    """What every event on `deliveries` carries. `key` is stable over every attempt."""

    delivery_id: UUID
    key: str
    event_id: UUID
    recipient: str
    channel: DeliveryChannel
    template: str
    status: DeliveryStatus
    attempts: int = 0
    reason: str | None = None
    at: datetime


class DeliveryPlanned(DeliveryEvent):
    """The body is frozen and will be sent."""

    event_name: ClassVar[str] = "delivery.planned"


class DeliverySent(DeliveryEvent):
    """The channel took it."""

    event_name: ClassVar[str] = "delivery.sent"


class DeliveryConfirmed(DeliveryEvent):
    """The recipient's side confirmed it."""

    event_name: ClassVar[str] = "delivery.confirmed"


class DeliveryFailed(DeliveryEvent):
    """It will not be tried again."""

    event_name: ClassVar[str] = "delivery.failed"


class DeliverySuppressed(DeliveryEvent):
    """It was decided not to send it; `reason` says why."""

    event_name: ClassVar[str] = "delivery.suppressed"


DELIVERY_EVENTS: tuple[type[DeliveryEvent], ...] = (
    DeliveryPlanned,
    DeliverySent,
    DeliveryConfirmed,
    DeliveryFailed,
    DeliverySuppressed,
)
