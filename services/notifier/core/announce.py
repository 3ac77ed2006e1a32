"""Who is owed a word after an event, and which text says it.

Owns the table event -> announcements. Knows no channel, no address and no language: that is
`plan.py`. Whoever must act is told, the customer is told; internal bookkeeping is told to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas import case, conversation, escalation
from schemas.event import EventData
from schemas.vocabulary import Role, RungReason, Side
from services.notifier.core.story import GROUP_PREFIX, Detail, Holder, Story
from services.notifier.core.vocabulary import Template


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that makes somebody be told; `recorded_at` is its producer's domain time."""

    event_id: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Announcement:
    """One recipient is owed one text: `story` is the case as it stands when they are told."""

    recipient: str
    template: Template
    story: Story
    detail: Detail
    cause: Cause
    needs_consent: str | None = None

    @property
    def to_group(self) -> bool:
        """Whether the operator's people are told, not the customer."""
        return self.recipient.startswith(GROUP_PREFIX)


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, and the story before and after it."""

    event: Any
    cause: Cause
    before: Story | None
    after: Story


_NOTHING: Final = Detail()
Announcer = Callable[[Moment], tuple[Announcement, ...]]


def announcements(moment: Moment) -> tuple[Announcement, ...]:
    """Everybody who is owed a word after an event, each recipient at most once."""
    announcer = _ANNOUNCERS.get(type(moment.event))
    if announcer is None:
        return ()
    first: dict[str, Announcement] = {}
    for announcement in announcer(moment):
        first.setdefault(announcement.recipient, announcement)
    return tuple(first.values())


def _customer(moment: Moment, template: Template, detail: Detail = _NOTHING) -> Announcement:
    recipient = str(moment.after.customer.recipient)
    return Announcement(recipient, template, moment.after, detail, moment.cause)


def _group(moment: Moment, name: str, template: Template, detail: Detail) -> Announcement:
    return Announcement(GROUP_PREFIX + name, template, moment.after, detail, moment.cause)


def _agent(event: case.CaseEvent) -> Holder | None:
    """The agent who spoke, if it was one."""
    if event.by is None or event.by.role not in {Role.AGENT, Role.SUPERVISOR}:
        return None
    return Holder(staff_number=event.by.id, name=event.by.name)


def _started(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.LadderStarted = moment.event
    # A reopened case is told here and not at case.reopened: only now is the next time known.
    reopened = event.reason is RungReason.REOPENED or event.episode > 1
    template = Template.CASE_REOPENED if reopened else Template.CASE_RECEIVED
    return (_customer(moment, template),)


def _asked(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.CustomerAsked = moment.event
    detail = Detail(text=event.text, facts=event.facts, agent=_agent(event))
    return (_customer(moment, Template.CUSTOMER_ASKED, detail),)


def _replied(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.CustomerRepliedTo = moment.event
    detail = Detail(text=event.text, agent=_agent(event))
    return (_customer(moment, Template.CUSTOMER_REPLIED_TO, detail),)


def _held(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.HolderChanged = moment.event
    if event.staff_number is None:
        return ()
    return (_customer(moment, Template.HOLDER_CHANGED),)


def _entered(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.RungEntered = moment.event
    if event.reason in {RungReason.OPENED, RungReason.REOPENED}:
        return ()
    detail = Detail(text=event.text, clock=event.clock, because=event.reason, by_when=event.due_at)
    if event.side is Side.CUSTOMER:
        return (_handed_over(moment, detail),)
    complete = event.path == "email"
    brief = Template.GROUP_WRITTEN_BRIEF if complete else Template.GROUP_BRIEF
    return (
        _customer(moment, Template.RUNG_ENTERED, detail),
        _group(moment, event.owner_group, brief, detail),
    )


def _handed_over(moment: Moment, detail: Detail) -> Announcement:
    # The customer hears of it at offer.accepted; here the group gets the redacted text, if the
    # consent that this rung needs is recorded. A customer-driven rung is named after its path.
    event: escalation.RungEntered = moment.event
    handover = _group(moment, event.owner_group, Template.GROUP_HANDOVER, detail)
    return replace(handover, needs_consent=event.path)


def _retracted(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.RungRetracted = moment.event
    detail = Detail(because=event.reason, offered_rung=event.retracted_rung)
    told = _customer(moment, Template.RUNG_RETRACTED, detail)
    before = moment.before.standing if moment.before else None
    if before is None or before.owner_group == event.owner_group:
        return (told,)
    return told, _group(moment, before.owner_group, Template.GROUP_RETRACTED, detail)


def _missed(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.ClockMissed = moment.event
    if not event.tell_customer:
        return ()
    return (_customer(moment, Template.CASE_DELAYED, Detail(clock=event.clock)),)


def _promised(moment: Moment) -> tuple[Announcement, ...]:
    event: conversation.PromiseMade = moment.event
    detail = Detail(what=event.what, by_when=event.by_when, agent=_agent(event))
    return (_customer(moment, Template.PROMISE_MADE, detail),)


def _offered(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.OfferMade = moment.event
    detail = Detail(
        offered_rung=event.offered_rung,
        offered_path=event.offered_path,
        expires_at=event.expires_at,
    )
    return (_customer(moment, Template.OFFER_MADE, detail),)


def _accepted(moment: Moment) -> tuple[Announcement, ...]:
    event: escalation.OfferAccepted = moment.event
    detail = Detail(offered_rung=event.offered_rung, offered_path=event.offered_path)
    return (_customer(moment, Template.OFFER_ACCEPTED, detail),)


def _resolved(moment: Moment) -> tuple[Announcement, ...]:
    event: case.CaseResolved = moment.event
    detail = Detail(text=event.summary, what=event.outcome, agent=_agent(event))
    return (_customer(moment, Template.CASE_RESOLVED, detail),)


def _closed(moment: Moment) -> tuple[Announcement, ...]:
    text = getattr(moment.event, "reason", None)
    how = type(moment.event).event_name
    return (_customer(moment, Template.CASE_CLOSED, Detail(text=text, because=how)),)


def _incident(moment: Moment) -> tuple[Announcement, ...]:
    event: case.IncidentUpdated = moment.event
    return (_customer(moment, Template.INCIDENT_UPDATED, Detail(text=event.text)),)


_ANNOUNCERS: Final[Mapping[type[EventData], Announcer]] = {
    escalation.LadderStarted: _started,
    escalation.HolderChanged: _held,
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
