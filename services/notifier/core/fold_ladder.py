"""How each event of topic `escalations` changes the story. Remembers only; tells nobody."""

from __future__ import annotations

from schemas import escalation
from schemas.event import EventData
from services.notifier.core.story import Holder, OpenOffer, Standing, Story


def fold_ladder(story: Story, event: EventData) -> Story:
    """The story after one more event of topic `escalations`."""
    if not isinstance(event, escalation.LadderEvent):
        return story
    changed = story.model_copy(update={"standing": _standing(story, event)})
    return changed.model_copy(update={"offers": _offers(changed, event)})


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
