"""One event's effect on a case's story: what is remembered, and who is owed a word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.case import CaseOpened
from schemas.escalation import LadderEvent, LadderStopped
from schemas.event import EventData
from schemas.pack import Pack
from schemas.vocabulary import Side
from services.notifier.core.announce import announcements
from services.notifier.core.announcement import Announcement, Cause, Moment
from services.notifier.core.fold_case import fold_case, opened
from services.notifier.core.fold_ladder import fold_ladder
from services.notifier.core.story import Story, Told, WaitingWord
from services.notifier.core.waiting import (
    kept_waiting,
    patience_ends_at,
    told_now,
    waits_for_ladder,
    without_promise,
)


class UnopenedCase(ValueError):
    """An event of a case whose opening was never seen: there is nobody to tell."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as it came: recorded at (domain time), at `sequence` of its topic.

    `cases_applied` is how far on topic `cases` its producer was (events of the ladder).
    """

    event: EventData
    id: UUID
    recorded_at: datetime
    sequence: int
    cases_applied: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """The story after an event, and the announcements that it calls for."""

    story: Story
    announcements: tuple[Announcement, ...]

    @property
    def wake_at(self) -> datetime | None:
        """When the patience with the ladder ends (domain time)."""
        return min(map(patience_ends_at, self.story.waiting), default=None)


def advance(case_id: UUID, before: Story | None, heard: Heard, pack: Pack) -> Step:
    """Take one event. Raises `UnopenedCase`."""
    after = _folded(case_id, before, heard)
    cause = Cause(heard.id, heard.recorded_at)
    words = announcements(Moment(heard.event, cause, before, after, _customer_rungs(pack)))
    if waits_for_ladder(heard.event, after, pack):
        waiting = tuple(kept_waiting(word, heard.sequence) for word in words)
        return Step(after.model_copy(update={"waiting": after.waiting + waiting}), ())
    seen = [word for word in after.waiting if _has_seen(heard, word)]
    return _told(after, seen, words, heard.recorded_at)


def lapse(story: Story, now: datetime) -> Step:
    """Tell what has waited long enough for the ladder, without a next promised time."""
    lapsed = [word for word in story.waiting if patience_ends_at(word) <= now]
    if not lapsed:
        return Step(story, ())
    told = _told(without_promise(story), lapsed, (), now)
    return Step(told.story.model_copy(update={"standing": story.standing}), told.announcements)


def _has_seen(heard: Heard, word: WaitingWord) -> bool:
    if isinstance(heard.event, LadderStopped):
        return True  # a ladder that has stopped says no time of what came after it either
    return isinstance(heard.event, LadderEvent) and heard.cases_applied >= word.position


def _told(
    story: Story, waited: list[WaitingWord], words: tuple[Announcement, ...], at: datetime
) -> Step:
    everything = (*(told_now(word, story) for word in waited), *words)
    told = tuple(Told(template=word.template, at=at) for word in everything if word.to_customer)
    changes: dict[str, Any] = {
        "told": story.told + told,
        "waiting": tuple(word for word in story.waiting if word not in waited),
    }
    if told:
        holder = story.standing.holder if story.standing else None
        changes["holder_told"] = holder.staff_number if holder else None
    return Step(story.model_copy(update=changes), everything)


def _customer_rungs(pack: Pack) -> frozenset[str]:
    return frozenset(rung.name for rung in pack.ladder.rungs if rung.side is Side.CUSTOMER)


def _folded(case_id: UUID, before: Story | None, heard: Heard) -> Story:
    event = heard.event
    if before is None:
        if isinstance(event, CaseOpened):
            return opened(case_id, event)
        raise UnopenedCase(type(event).event_name)
    if isinstance(event, LadderEvent):
        return fold_ladder(before, event)
    return fold_case(before, event, heard.recorded_at)
