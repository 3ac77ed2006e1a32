"""What every channel is given and answers: a frozen message, and accepted or a fault."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from services.notifier.core.retry import Fault


class Outgoing(BaseModel):
    """A message as it was frozen before its first attempt; every attempt sends the same.

    `key` is the delivery key, `thread` the case's id, `address` where it goes and `secret` what
    signs it (webhooks only). It holds personal data: it rests sealed.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    thread: str
    address: str
    subject: str
    text: str
    html: str
    language: str
    template: str
    planned_at: datetime
    recipient: str | None = None
    """Whom it is for, where the address is a whole group's; None in what an older release froze."""
    secret: str | None = None


class Channel(Protocol):
    """A way out. `send` never raises for what the other side did: it answers the fault."""

    async def send(self, outgoing: Outgoing, real_now: datetime) -> Fault | None:
        """Hand `outgoing` over; None: accepted."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
