"""Who is owed a word after an event, and which text says it.

Owns the table event -> announcements. Knows no channel, no address and no language: that is
`plan.py`. Whoever must act is told, the customer is told; internal bookkeeping is told to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from schemas import case, conversation, escalation
from schemas.event import EventData
from schemas.vocabulary import RungReason, Side
from services.notifier.core.announcement import (
    Announcement,
    Announcer,
    Moment,
    for_customer,
    for_group,
    speaker,
)
from services.notifier.core.hand_over import brief_for, changed_hands
from services.notifier.core.story import Detail
from services.notifier.core.vocabulary import Template


def announcements(moment: Moment) -> tuple[Announcement, ...]:
    """Everybody who is owed a word after an event, each recipient at most once."""
    announcer = _ANNOUNCERS.get(type(moment.event))
    if announcer is None:
        return ()
    first: dict[str, Announcement] = {}
    for announcement in announcer(moment):
        first.setdefault(announcement.recipient, announcement)
    return tuple(first.values())


def _started(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.LadderStarted = moment.event
    # A reopened case is told here and not at case.reopened: only now is the next time known.
    reopened = event.reason is RungReason.REOPENED or event.episode > 1
    template = Template.CASE_REOPENED if reopened else Template.CASE_RECEIVED
    return (for_customer(moment, template),)


def _asked(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.CustomerAsked = moment.event
    detail = Detail(text=event.text, facts=event.facts, agent=speaker(event))
    return (for_customer(moment, Template.CUSTOMER_ASKED, detail),)


def _replied(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.CustomerRepliedTo = moment.event
    detail = Detail(text=event.text, agent=speaker(event))
    return (for_customer(moment, Template.CUSTOMER_REPLIED_TO, detail),)


def _entered(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.RungEntered = moment.event
    detail = Detail(text=event.text, clock=event.clock, because=event.reason, by_when=event.due_at)
    if event.side is Side.CUSTOMER:
        return (_handed_over(moment, detail),)
    brief = for_group(moment, event.owner_group, brief_for(event.path), detail)
    if event.reason in {RungReason.OPENED, RungReason.REOPENED}:
        # The customer hears of it at ladder.started; the front line lives by its queue.
        return () if event.path == "phone" else (brief,)
    return for_customer(moment, Template.RUNG_ENTERED, detail), brief


def _handed_over(moment: Moment, detail: Detail) -> Announcement:
    # The customer hears of it at offer.accepted; here the group gets the redacted text, if the
    # consent that this rung needs is recorded. A customer-driven rung is named after its path.
    event: escalation.RungEntered = moment.event
    handover = for_group(moment, event.owner_group, Template.GROUP_HANDOVER, detail)
    return replace(handover, needs_consent=event.path)


def _retracted(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.RungRetracted = moment.event
    detail = Detail(because=event.reason, offered_rung=event.retracted_rung)
    told = for_customer(moment, Template.RUNG_RETRACTED, detail)
    before = moment.before.standing if moment.before else None
    if before is None or before.owner_group == event.owner_group:
        return (told,)
    return told, for_group(moment, before.owner_group, Template.GROUP_RETRACTED, detail)


def _missed(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.ClockMissed = moment.event
    if not event.tell_customer:
        return ()
    return (for_customer(moment, Template.CASE_DELAYED, Detail(clock=event.clock)),)


def _promised(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.PromiseMade = moment.event
    detail = Detail(what=event.what, by_when=event.by_when, agent=speaker(event))
    return (for_customer(moment, Template.PROMISE_MADE, detail),)


def _offered(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.OfferMade = moment.event
    detail = Detail(
        offered_rung=event.offered_rung,
        offered_path=event.offered_path,
        expires_at=event.expires_at,
    )
    return (for_customer(moment, Template.OFFER_MADE, detail),)


def _accepted(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.OfferAccepted = moment.event
    detail = Detail(offered_rung=event.offered_rung, offered_path=event.offered_path)
    return (for_customer(moment, Template.OFFER_ACCEPTED, detail),)


def _resolved(moment: Moment) -> tuple[Announcement, ...]:
    event: case.CaseResolved = moment.event
    detail = Detail(text=event.summary, what=event.outcome, agent=speaker(event))
    return (for_customer(moment, Template.CASE_RESOLVED, detail),)


def _closed(moment: Moment) -> tuple[Announcement, ...]:
    text = getattr(moment.event, "reason", None)
    how = type(moment.event).event_name
    return (for_customer(moment, Template.CASE_CLOSED, Detail(text=text, because=how)),)


def _incident(moment: Moment) -> tuple[Announcement, ...]:
    event: case.IncidentUpdated = moment.event
    return (for_customer(moment, Template.INCIDENT_UPDATED, Detail(text=event.text)),)


_ANNOUNCERS: Final[Mapping[type[EventData], Announcer]] = {
    escalation.LadderStarted: _started,
    escalation.HolderChanged: changed_hands,
    escalation.RungEntered: _entered,
    escalation.RungRetracted: _retracted,
    escalation.ClockMissed: _missed,
    escalation.OfferMade: _offered,
    escalation.OfferAccepted: _accepted,
    conversation.CustomerAsked: _asked,
    conversation.CustomerRepliedTo: _replied,
    conversation.PromiseMade: _promised,
    case.CaseResolved: _resolved,
    case.CaseConfirmed: _closed,
    case.CaseClosed: _closed,
    case.CaseWithdrawn: _closed,
    case.IncidentUpdated: _incident,
}
