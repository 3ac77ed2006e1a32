"""How each event of topic `cases` changes the story. Remembers only; tells nobody anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas import case, conversation
from schemas.event import EventData
from schemas.report import Contact
from schemas.vocabulary import Channel, Direction, ImportMode, Role, WaitingFor
from services.notifier.core.story import Customer, Line, LineKind, Promise, Story, appended

Step = Callable[[Story, Any, datetime], dict[str, Any]]


def opened(case_id: UUID, event: case.CaseOpened) -> Story:
    """The story of a case that was just opened."""
    return Story(
        case_id=case_id,
        customer=_customer(event),
        policy=event.policy,
        category=event.category,
        severity=event.severity,
        lane=event.lane,
        status=event.status,
        episode=event.episode,
        started_at=event.started_at,
        identity_verified=event.identity_verified,
        historical=event.import_mode is ImportMode.HISTORICAL,
        description=event.description,
        transaction=event.transaction,
        facts=event.facts,
        missing_facts=event.missing_facts,
        conversation=appended(
            (),
            _contact_line(event.contact, event.occurred_at),
            _said(LineKind.REPORTED, event.occurred_at, event.description, event.channel),
        ),
    )


def fold_case(story: Story, event: EventData, at: datetime) -> Story:
    """The story after one more event of topic `cases`, recorded at `at` (domain time)."""
    step = _STEPS.get(type(event))
    changes: dict[str, Any] = step(story, event, at) if step else {}
    if isinstance(event, case.CaseEvent):
        changes |= {"status": event.status, "episode": event.episode}
    return story.model_copy(update=changes)


def _customer(event: case.CaseOpened) -> Customer:
    known = event.customer
    if known is None:
        return Customer(
            recipient=event.data_subject, locale=event.locale, time_zone=event.time_zone
        )
    return Customer(
        recipient=event.data_subject,
        name=known.name,
        locale=known.locale,
        time_zone=known.time_zone,
        email=known.email,
        phone=known.phone,
        id=known.id,
    )


def _contact_line(contact: Contact | None, at: datetime) -> Line | None:
    if contact is None:
        return None
    return Line(
        at=contact.occurred_at or at,
        kind=LineKind.CONTACT,
        inbound=contact.direction is Direction.INBOUND,
        channel=contact.channel,
        agent_name=contact.agent.name if contact.agent else None,
        staff_number=contact.agent.staff_number if contact.agent else None,
        text=contact.summary,
    )


def _said(
    kind: LineKind, at: datetime, text: str | None, channel: Channel | None = None
) -> Line | None:
    if not text:
        return None
    return Line(at=at, kind=kind, inbound=True, channel=channel, text=text)


def _by_agent(
    kind: LineKind, event: case.CaseEvent, at: datetime, text: str | None, channel: str | None
) -> Line:
    is_agent = event.by is not None and event.by.role in {Role.AGENT, Role.SUPERVISOR}
    return Line(
        at=at,
        kind=kind,
        inbound=False,
        channel=channel,
        agent_name=event.by.name if event.by and is_agent else None,
        staff_number=event.by.id if event.by and is_agent else None,
        text=text,
    )


def _contact_added(story: Story, event: case.ContactAdded, at: datetime) -> dict[str, Any]:
    lines = appended(
        story.conversation,
        _contact_line(event.contact, event.occurred_at),
        _said(LineKind.REPORTED, event.occurred_at, event.description, event.channel),
    )
    return {"conversation": lines, "started_at": event.started_at}


def _evidence_added(story: Story, event: case.EvidenceAdded, at: datetime) -> dict[str, Any]:
    words = (event.fact, event.name, event.media_type, event.sha256 and f"sha256:{event.sha256}")
    text = " ".join(word for word in words if word)
    line = Line(at=at, kind=LineKind.EVIDENCE, inbound=True, text=text)
    return {
        "conversation": appended(story.conversation, line),
        "missing_facts": event.missing_facts,
    }


def _facts_added(story: Story, event: case.FactsAdded, at: datetime) -> dict[str, Any]:
    return {
        "facts": {**story.facts, **event.facts},
        "missing_facts": event.missing_facts,
        "transaction": event.transaction or story.transaction,
    }


def _classified(story: Story, event: case.CaseClassified, at: datetime) -> dict[str, Any]:
    return {
        "category": event.category,
        "severity": event.severity,
        "lane": event.lane,
        "missing_facts": event.missing_facts,
    }


def _verified(story: Story, event: case.IdentityVerified, at: datetime) -> dict[str, Any]:
    return {"identity_verified": True}


def _waiting(story: Story, event: conversation.CaseWaiting, at: datetime) -> dict[str, Any]:
    words = (event.party, event.reference, event.text)
    text = " ".join(word for word in words if word)
    inbound = event.waiting_for is WaitingFor.NOBODY
    line = Line(at=at, kind=LineKind.NOTE, inbound=inbound, text=text) if text else None
    return {"conversation": appended(story.conversation, line)}


def _asked(story: Story, event: conversation.CustomerAsked, at: datetime) -> dict[str, Any]:
    line = _by_agent(LineKind.ASKED, event, at, event.text, None)
    return {"conversation": appended(story.conversation, line)}


def _answered(story: Story, event: conversation.CustomerAnswered, at: datetime) -> dict[str, Any]:
    given = "; ".join(f"{name}: {value}" for name, value in event.facts.items())
    return {
        "facts": {**story.facts, **event.facts},
        "missing_facts": event.missing_facts,
        "conversation": appended(story.conversation, _said(LineKind.ANSWERED, at, given)),
    }


def _replied(story: Story, event: conversation.CustomerRepliedTo, at: datetime) -> dict[str, Any]:
    line = _by_agent(LineKind.REPLIED, event, at, event.text, event.channel)
    return {"conversation": appended(story.conversation, line)}


def _promised(story: Story, event: conversation.PromiseMade, at: datetime) -> dict[str, Any]:
    by = _by_agent(LineKind.NOTE, event, at, None, None)
    promise = Promise(
        promise_id=event.promise_id,
        by_when=event.by_when,
        what=event.what,
        staff_number=by.staff_number,
        agent_name=by.agent_name,
    )
    return {"promises": (*story.promises, promise)}


def _kept(story: Story, event: conversation.PromiseKept, at: datetime) -> dict[str, Any]:
    promises = tuple(
        promise.model_copy(update={"kept": True})
        if promise.promise_id == event.promise_id
        else promise
        for promise in story.promises
    )
    return {"promises": promises}


def _consented(story: Story, event: conversation.ConsentGiven, at: datetime) -> dict[str, Any]:
    return {"consents": story.consents | {event.consent_to.value}}


def _revoked(story: Story, event: conversation.ConsentRevoked, at: datetime) -> dict[str, Any]:
    return {"consents": story.consents - {event.consent_to.value}}


def _resolved(story: Story, event: case.CaseResolved, at: datetime) -> dict[str, Any]:
    text = ": ".join(word for word in (event.outcome, event.summary) if word)
    line = _by_agent(LineKind.REPLIED, event, at, text or None, None)
    return {"conversation": appended(story.conversation, line)}


def _reopened(story: Story, event: case.CaseReopened, at: datetime) -> dict[str, Any]:
    line = _said(LineKind.REPORTED, at, event.reason)
    return {"conversation": appended(story.conversation, line), "offers": ()}


def _news(story: Story, event: case.IncidentUpdated, at: datetime) -> dict[str, Any]:
    line = _by_agent(LineKind.REPLIED, event, at, event.text, None)
    return {"conversation": appended(story.conversation, line)}


def _merged(story: Story, event: case.CaseMerged, at: datetime) -> dict[str, Any]:
    return {"facts": {**story.facts, **event.facts}}


_STEPS: Final[Mapping[type[EventData], Step]] = {
    case.ContactAdded: _contact_added,
    case.EvidenceAdded: _evidence_added,
    case.FactsAdded: _facts_added,
    case.CaseClassified: _classified,
    case.IdentityVerified: _verified,
    conversation.CaseWaiting: _waiting,
    conversation.CustomerAsked: _asked,
    conversation.CustomerAnswered: _answered,
    conversation.CustomerRepliedTo: _replied,
    conversation.PromiseMade: _promised,
    conversation.PromiseKept: _kept,
    conversation.ConsentGiven: _consented,
    conversation.ConsentRevoked: _revoked,
    case.CaseResolved: _resolved,
    case.CaseReopened: _reopened,
    case.CaseMerged: _merged,
    case.IncidentUpdated: _news,
}
