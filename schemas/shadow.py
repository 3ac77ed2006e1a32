"""What a pack that runs in the shadow of the real one says, on a topic of its own.

Owns this event's fields. Nothing is told to anybody because of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from schemas.case import PackPin
from schemas.event import EventData


class ShadowStepped(EventData):
    """Where a pack that runs in the shadow of the real one would have taken a case, and when.

    On topic `escalations-shadow`; belongs to no stream, and nobody is told.
    """

    event_name: ClassVar[str] = "shadow.stepped"

    case_id: UUID
    policy: PackPin
    episode: int
    rung: str
    visit: int
    at: datetime
    owner_group: str
    offered: bool
