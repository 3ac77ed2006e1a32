"""How an event changes the case document: the one way in which the document ever changes.

Owns the fold. Decides nothing: whether an event may happen was decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from schemas import case as events
from schemas import conversation
from schemas.case import CaseEvent
from schemas.report import EvidenceRef
from services.intake.core.lifecycle import is_over
from services.intake.core.state import (
    Case,
    ConsentRecord,
    ContactRecord,
    Happening,
    PromiseRecord,
    TriageReason,
    evidence_record,
)

Changes = dict[str, Any]
# What the document holds elsewhere, or what every line of the timeline says anyway.
_NOT_IN_DETAIL: Final = frozenset(
    {"status", "by", "by_role", "episode", "contact", "description", "customer", "facts"}
    | {"transaction", "missing_facts", "policy", "source", "external_id", "data_subject"}
    | {"triage", "locale", "time_zone", "amount", "currency", "language", "money_at_risk"}
    | {"representative", "statutory"}
)
_IN_BOTH: Final = sorted(set(events.CaseOpened.model_fields) & set(Case.model_fields))


def evolve(case: Case, happened: Iterable[CaseEvent], now: datetime) -> Case:
    """The case after some events in their order; an unknown event only joins the timeline."""
    for event in happened:
        changes = _CHANGES.get(type(event), _nothing)(case, event, now)
        case = case.model_copy(
            update={
                "status": event.status,
                "episode": event.episode,
                "incident": None if is_over(event.status) else case.incident,
                **changes,
                "timeline": (*case.timeline, _line(event, now)),
            }
        )
    return case


def opened(case_id: UUID, event: events.CaseOpened, now: datetime) -> Case:
    """The case that an opening event begins; the private fields of `event` must be there."""
    # The parts as they are: they were validated when they came, which takes its time.
    parts = {name: getattr(event, name) for name in _IN_BOTH}
    case = Case.model_validate(
        {
            **parts,
            "id": case_id,
            "subject": event.data_subject,
            "opened_at": event.opened_at or now,
        }
    )
    return case.model_copy(
        update={
            "contacts": _contact_record(case, event.contact, event.occurred_at, event.description),
            "timeline": (_line(event, now),),
        }
    )


def _line(event: CaseEvent, now: datetime) -> Happening:
    detail = event.model_dump(mode="json", exclude=set(_NOT_IN_DETAIL), exclude_defaults=True)
    return Happening(
        at=now,
        event=event.event_name,
        status=event.status,
        by_role=event.by_role,
        by=event.by,
        detail=detail,
    )


def _nothing(case: Case, event: Any, now: datetime) -> Changes:
    return {}


def _contact(case: Case, event: events.ContactAdded, now: datetime) -> Changes:
    contacts = _contact_record(case, event.contact, event.occurred_at, event.description)
    return {"contacts": contacts, "started_at": event.started_at}


def _contact_record(
    case: Case, contact: Any, occurred_at: datetime, description: str | None
) -> tuple[ContactRecord, ...]:
    record = ContactRecord(
        id=case.contact_id(len(case.contacts) + 1),
        occurred_at=occurred_at,
        contact=contact,
        description=description,
    )
    return (*case.contacts, record)


def _evidence(case: Case, event: events.EvidenceAdded, now: datetime) -> Changes:
    file = EvidenceRef.model_validate(
        event.model_dump(include={"fact", "sha256", "media_type", "name"})
    )
    return {
        "evidence": (*case.evidence, evidence_record(file, now)),
        "missing_facts": event.missing_facts,
    }


def _facts(case: Case, event: events.FactsAdded, now: datetime) -> Changes:
    return {
        "facts": {**case.facts, **event.facts},
        "transaction": event.transaction or case.transaction,
        "missing_facts": event.missing_facts,
    }


def _classified(case: Case, event: events.CaseClassified, now: datetime) -> Changes:
    return {
        "triage": case.triage
        | dict.fromkeys(("category", "severity", "lane"), TriageReason.PERSON),
        "category": event.category,
        "severity": event.severity,
        "lane": event.lane,
        "missing_facts": event.missing_facts,
    }


def _verified(case: Case, event: events.IdentityVerified, now: datetime) -> Changes:
    return {"identity_verified": True}


def _asked(case: Case, event: conversation.CustomerAsked, now: datetime) -> Changes:
    return {"asked_facts": event.facts}


def _answered(case: Case, event: conversation.CustomerAnswered, now: datetime) -> Changes:
    return {"asked_facts": (), "missing_facts": event.missing_facts}


def _promised(case: Case, event: conversation.PromiseMade, now: datetime) -> Changes:
    record = PromiseRecord(id=event.promise_id, what=event.what, by_when=event.by_when, made_at=now)
    return {"promises": (*case.promises, record)}


def _kept(case: Case, event: conversation.PromiseKept, now: datetime) -> Changes:
    return {
        "promises": tuple(
            promise.model_copy(update={"kept_at": now})
            if promise.id == event.promise_id
            else promise
            for promise in case.promises
        )
    }


def _consented(
    case: Case, event: conversation.ConsentGiven | conversation.ConsentRevoked, now: datetime
) -> Changes:
    record = ConsentRecord(
        to=event.consent_to,
        given=isinstance(event, conversation.ConsentGiven),
        wording=event.wording,
        wording_sha256=event.wording_sha256,
        at=now,
    )
    others = tuple(consent for consent in case.consents if consent.to is not record.to)
    return {"consents": (*others, record)}


def _resolved(case: Case, event: events.CaseResolved, now: datetime) -> Changes:
    return {"outcome": event.outcome, "summary": event.summary}


def _reopened(case: Case, event: events.CaseReopened, now: datetime) -> Changes:
    return {"outcome": None, "summary": None}


def _merged(case: Case, event: events.CaseMerged, now: datetime) -> Changes:
    return {"merged_into": event.into}


def _split(case: Case, event: events.CaseSplit, now: datetime) -> Changes:
    return {
        "split_into": (*case.split_into, event.new_case),
        "contacts": tuple(
            record.model_copy(update={"moved_to": event.new_case})
            if record.id in event.contacts
            else record
            for record in case.contacts
        ),
    }


def _linked(case: Case, event: events.IncidentLinked, now: datetime) -> Changes:
    return {"incident": event.incident_id}


def _unlinked(case: Case, event: events.IncidentUnlinked, now: datetime) -> Changes:
    return {"incident": None}


_CHANGES: Final[dict[type[CaseEvent], Callable[[Case, Any, datetime], Changes]]] = {
    events.ContactAdded: _contact,
    events.EvidenceAdded: _evidence,
    events.FactsAdded: _facts,
    events.CaseClassified: _classified,
    events.IdentityVerified: _verified,
    conversation.CustomerAsked: _asked,
    conversation.CustomerAnswered: _answered,
    conversation.PromiseMade: _promised,
    conversation.PromiseKept: _kept,
    conversation.ConsentGiven: _consented,
    conversation.ConsentRevoked: _consented,
    events.CaseResolved: _resolved,
    events.CaseReopened: _reopened,
    events.CaseMerged: _merged,
    events.CaseSplit: _split,
    events.IncidentLinked: _linked,
    events.IncidentUnlinked: _unlinked,
}
