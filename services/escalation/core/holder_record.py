"""Who had a case, from when until when, how it came and how it went: a part of the ladder's state.

Owns its fields and their JSON form.
"""

from __future__ import annotations

from datetime import datetime

from schemas.vocabulary import HolderReason
from services.escalation.core.records import Document


class HolderRecord(Document, kw_only=True):
    """A time during which an agent held the case; `until` and `left` once it is over."""

    staff_number: str
    episode: int
    rung: str
    visit: int
    since: datetime
    reason: HolderReason
    again: bool = False
    """It was assigned to who had given it back, or was silent: nobody else was there."""
    until: datetime | None = None
    left: HolderReason | None = None
