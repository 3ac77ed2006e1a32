"""One event's effect on a case's story: what is remembered, and who is owed a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from schemas.case import CaseOpened
from schemas.escalation import LadderEvent
from schemas.event import EventData
from services.notifier.core.announce import Announcement, announcements
from services.notifier.core.fold_case import fold_case, opened
from services.notifier.core.fold_ladder import fold_ladder
from services.notifier.core.story import Story, Told


class UnopenedCase(ValueError):
    """An event of a case whose opening was never seen: there is nobody to tell."""


@dataclass(frozen=True, slots=True)
class Step:
    """The story after an event, and the announcements that it calls for."""

    story: Story
    announcements: tuple[Announcement, ...]


def advance(case_id: UUID, before: Story | None, event: EventData, at: datetime) -> Step:
    """Take one event, recorded at `at` (domain time). Raises `UnopenedCase`."""
    after = _folded(case_id, before, event, at)
    words = announcements(event, before, after)
    told = tuple(Told(template=word.template, at=at) for word in words if not word.to_group)
    return Step(after.model_copy(update={"told": after.told + told}), words)


def _folded(case_id: UUID, before: Story | None, event: EventData, at: datetime) -> Story:
    if before is None:
        if isinstance(event, CaseOpened):
            return opened(case_id, event)
        raise UnopenedCase(type(event).event_name)
    if isinstance(event, LadderEvent):
        return fold_ladder(before, event)
    return fold_case(before, event, at)
