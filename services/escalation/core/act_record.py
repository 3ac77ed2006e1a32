"""What somebody did that a regime counts: a part of the ladder's state.

Owns its fields and their JSON form.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.escalation.core.records import Document


class ActRecord(Document):
    """An act and when it was done, which may be before it was recorded."""

    act: str
    at: datetime
    cause: UUID
