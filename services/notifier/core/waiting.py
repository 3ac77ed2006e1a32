"""Words that wait for the ladder: whoever speaks to the customer moves the next promised time.

A reply restarts the promise clock, and only escalation knows to when. Telling the old time would
be a promise that nobody keeps; so such a word is told with the ladder's next event that has seen
it, or without a time when the ladder says nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from schemas.case import IncidentUpdated
from schemas.conversation import CustomerAsked, CustomerRepliedTo, PromiseMade
from schemas.event import EventData
from schemas.pack import Pack
from schemas.pack_clocks import ClockRule
from services.notifier.core.announcement import Announcement, Cause
from services.notifier.core.story import Story, WaitingWord

PATIENCE: Final = timedelta(seconds=30)
"""How long a word waits for the ladder (domain time)."""

_SPOKEN: Final = (CustomerAsked, CustomerRepliedTo, PromiseMade)
_MOVERS: Final = (*_SPOKEN, IncidentUpdated)


def waits_for_ladder(event: EventData, after: Story, pack: Pack) -> bool:
    """Whether the ladder will answer this event with another promised time."""
    if not isinstance(event, _MOVERS):
        return False
    if after.standing is None:
        return True
    if after.standing.next_update_at is None:
        return False
    lane = pack.lanes.get(after.lane)
    return lane is not None and any(_moved(clock, event) for clock in lane.clocks)


def _moved(clock: ClockRule, event: EventData) -> bool:
    if not clock.promised_to_customer:
        return False
    names = {event.event_name, "agent.spoke"} if isinstance(event, _SPOKEN) else {event.event_name}
    pauses = isinstance(event, CustomerAsked) and "waiting_customer" in clock.pauses
    return pauses or not names.isdisjoint((*clock.restarts_on, *clock.stops_on))


def kept_waiting(word: Announcement, position: int) -> WaitingWord:
    """An announcement as it is remembered until the ladder has reacted."""
    return WaitingWord(
        template=word.template,
        detail=word.detail,
        event_id=word.cause.event_id,
        recorded_at=word.cause.recorded_at,
        position=position,
    )


def told_now(word: WaitingWord, story: Story) -> Announcement:
    """The announcement of a word that has waited, as the case stands now."""
    cause = Cause(word.event_id, word.recorded_at)
    recipient = str(story.customer.recipient)
    return Announcement(recipient, word.template, story, word.detail, cause)


def without_promise(story: Story) -> Story:
    """The story when the ladder's next promised time is not known."""
    if story.standing is None:
        return story
    unknown = story.standing.model_copy(update={"next_update_at": None})
    return story.model_copy(update={"standing": unknown})


def patience_ends_at(word: WaitingWord) -> datetime:
    """When a waiting word is told without the ladder (domain time)."""
    return word.recorded_at + PATIENCE
