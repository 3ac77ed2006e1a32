"""How each event of topic `escalations` changes the story. Remembers only; tells nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas import escalation
from schemas.event import EventData
from services.notifier.core.story import AskedState, Holder, OpenOffer, Standing, Story

_ACTION: Final = "action:"
"""How the clocks of actions are named."""
_ASKED: Final[Mapping[type[escalation.ClockEvent], AskedState]] = {
    escalation.ClockStarted: AskedState.OPEN,
    escalation.ClockMissed: AskedState.LATE,
    escalation.ClockStopped: AskedState.CLOSED,
}


def fold_ladder(story: Story, event: EventData) -> Story:
    """The story after one more event of topic `escalations`."""
    if not isinstance(event, escalation.LadderEvent):
        return story
    changes: dict[str, Any] = {
        "standing": _standing(story, event),
        "offers": _offers(story, event),
        "asked": _asked(story, event),
    }
    if isinstance(event, escalation.PolicyMigrated):
        changes["policy"] = event.policy
    return story.model_copy(update=changes)


def _standing(story: Story, event: escalation.LadderEvent) -> Standing:
    stopped = isinstance(event, escalation.LadderStopped)
    return Standing(
        rung=event.rung,
        path=event.path,
        visit=event.visit,
        owner_group=event.owner_group,
        next_update_at=None if stopped else event.next_update_at,
        next_due_at=None if stopped else event.next_due_at,
        holder=_holder(story, event),
    )


def _holder(story: Story, event: escalation.LadderEvent) -> Holder | None:
    if isinstance(event, escalation.HolderChanged):
        if event.staff_number is None:
            return None
        return Holder(staff_number=event.staff_number, name=event.name)
    before = story.standing
    if before is None or isinstance(event, escalation.LadderStarted):
        return None
    # Whoever held the case on a rung does not hold it on the next one.
    if (before.rung, before.visit) != (event.rung, event.visit):
        return None
    return before.holder


def _offers(story: Story, event: escalation.LadderEvent) -> tuple[OpenOffer, ...]:
    if isinstance(event, escalation.OfferMade):
        offer = OpenOffer(
            offer_id=event.offer_id,
            rung=event.offered_rung,
            path=event.offered_path,
            consent_to=event.consent_to,
            expires_at=event.expires_at,
        )
        return (*story.offers, offer)
    if isinstance(event, escalation.OfferEvent):
        return tuple(offer for offer in story.offers if offer.offer_id != event.offer_id)
    if isinstance(event, escalation.LadderStopped):
        return ()
    return story.offers


def _asked(story: Story, event: escalation.LadderEvent) -> dict[str, AskedState]:
    """An action has a clock of its name; another request for it starts the clock anew."""
    if not isinstance(event, escalation.ClockEvent) or not event.clock.startswith(_ACTION):
        return story.asked
    state = _ASKED.get(type(event))
    if state is None:
        return story.asked
    return {**story.asked, event.clock.removeprefix(_ACTION): state}
