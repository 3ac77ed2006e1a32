"""What happens to a case when something reaches it: a contact, a file, facts, an answer.

Owns the events of an arrival, and when it counts as the customer's answer. Opens no case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.case import CaseEvent, ContactAdded, EvidenceAdded, FactsAdded
from schemas.conversation import CustomerAnswered
from schemas.pack import FactNeed
from schemas.report import Actor, Contact, EvidenceRef, Report, Transaction
from schemas.vocabulary import Channel, Direction, Joined, Role, Status
from services.intake.core import facts
from services.intake.core.evolve import evolve
from services.intake.core.lifecycle import Arrival, Move, status_after
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused, not_in_this_status
from services.intake.core.state import Case, Policy
from services.intake.core.statutory import statutory

CLOCK_SKEW: Final = timedelta(minutes=15)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


_JOINED_FOR: Final = {
    Joined.SAME_TRANSACTION: Reason.COLLAPSED,
    Joined.SAME_CATEGORY: Reason.COLLAPSED_BY_CATEGORY,
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A contact and its instant."""

    contact: Contact
    occurred_at: datetime
    description: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What reaches a case at once; `names` are the facts it is the answer to."""

    move: Move
    reason: Reason
    by: Actor | None = None
    spoken: Spoken | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    transaction: Transaction | None = None
    joined: Joined | None = None
    evidence: tuple[EvidenceRef, ...] = ()


def arrive(case: Case, news: News, policy: Policy, now: datetime) -> Outcome | Refused:
    """The case after the news, or why they cannot be taken."""
    after = status_after(news.move, case.status)
    if after is None:
        return not_in_this_status(news.move, case)
    refused = _not_about_this_transaction(case, news)
    if refused is not None:
        return refused
    told: list[CaseEvent] = []
    updated = case
    for events_of in _EVENTS:
        for event in events_of(updated, news, policy):
            told.append(event)
            updated = evolve(updated, [event], now)
    if after is not case.status:
        answer = _answered(updated, news, after)
        told.append(answer)
        updated = evolve(updated, [answer], now)
    return Outcome(news.reason if told else Reason.NOTHING_NEW, updated, tuple(told))


def spoke(contact: Contact, occurred_at: datetime, description: str | None = None) -> News:
    """The news of one more contact."""
    inbound = contact.direction is Direction.INBOUND
    return News(
        move=Arrival.CUSTOMER_CONTACT if inbound else Arrival.OPERATOR_CONTACT,
        reason=Reason.CONTACT_ADDED,
        spoken=Spoken(contact, occurred_at, description),
    )


def reported_again(report: Report, joined: Joined) -> News:
    """The news of a report that is about a matter already known."""
    spoken = spoke(report.contact, contact_at(report), report.description)
    return News(
        move=spoken.move,
        reason=_JOINED_FOR[joined],
        joined=joined,
        by=report.by,
        spoken=spoken.spoken,
        facts=report.facts,
        transaction=report.transaction,
        evidence=report.evidence,
    )


def contact_at(report: Report) -> datetime:
    """When the contact itself happened: the earlier of the two places that may say so."""
    return min(report.occurred_at, report.contact.occurred_at or report.occurred_at)


def actor_of(contact: Contact, customer_id: str, customer_name: str | None) -> Actor:
    """Who acts in a contact: the customer or a backend when inbound, else the agent."""
    if contact.direction is Direction.INBOUND:
        role = Role.BACKEND if contact.channel is Channel.BACKEND else Role.CUSTOMER
        return Actor(role=role, id=customer_id, name=customer_name)
    if contact.agent is not None:
        return Actor(role=Role.AGENT, id=contact.agent.staff_number, name=contact.agent.name)
    return Actor(role=Role.SYSTEM, id="unnamed")


def at_impossible_time(instant: datetime, pointer: str, now: datetime) -> Refused | None:
    """The refusal of an instant more than 15 min in the future, or before any digital wallet."""
    if instant > now + CLOCK_SKEW:
        detail = "is more than 15 minutes in the future"
        return Refused(Refusal.OCCURRED_IN_THE_FUTURE, detail, pointer=pointer)
    if instant < EARLIEST:
        return Refused(Refusal.OCCURRED_TOO_EARLY, f"is before {EARLIEST.date()}", pointer=pointer)
    return None


def said(case: Case, by: Actor | None, status: Status | None = None) -> dict[str, Any]:
    """The fields that every event on `cases` carries."""
    role = by.role if by else Role.SYSTEM
    return {"status": status or case.status, "episode": case.episode, "by_role": role, "by": by}


def _not_about_this_transaction(case: Case, news: News) -> Refused | None:
    ours, theirs = case.transaction, news.transaction
    if ours is None or theirs is None or ours.id == theirs.id:
        return None
    detail = "the case is about another transaction"
    return Refused(Refusal.ANOTHER_TRANSACTION, detail, pointer="/transaction/id")


def _actor(case: Case, news: News) -> Actor | None:
    if news.by is None and news.spoken is not None:
        return actor_of(news.spoken.contact, case.customer.id, case.customer.name)
    return news.by


def _contact(case: Case, news: News, policy: Policy) -> Iterable[CaseEvent]:
    if news.spoken is None:
        return
    spoken = news.spoken
    yield ContactAdded(
        **said(case, _actor(case, news)),
        contact_id=case.contact_id(len(case.contacts) + 1),
        channel=spoken.contact.channel,
        direction=spoken.contact.direction,
        occurred_at=spoken.occurred_at,
        started_at=min(case.started_at, spoken.occurred_at),
        joined=news.joined,
        contact=spoken.contact,
        description=spoken.description,
    )


def _new_facts(case: Case, news: News, policy: Policy) -> Iterable[CaseEvent]:
    new = {name: value for name, value in news.facts.items() if case.facts.get(name) != value}
    transaction = _newer(case.transaction, news.transaction)
    changed = transaction if transaction != case.transaction else None
    if not new and changed is None:
        return
    after = case.model_copy(update={"facts": {**case.facts, **new}, "transaction": transaction})
    yield FactsAdded(
        **said(case, _actor(case, news)),
        names=(*sorted(new), *(("transaction",) if changed else ())),
        missing_facts=_missing(after, policy),
        complained_about=facts.complained_about(new),
        statutory=statutory(policy.pack, after.facts, changed),
        facts=new,
        transaction=changed,
    )


def _newer(old: Transaction | None, new: Transaction | None) -> Transaction | None:
    if old is None or new is None:
        return new or old
    return old.model_copy(update=new.model_dump(exclude_none=True))


def _evidence(case: Case, news: News, policy: Policy) -> Iterable[CaseEvent]:
    proved = {(file.fact, file.sha256) for file in case.evidence}
    facts_proved = [file.fact for file in case.evidence]
    for file in news.evidence:
        fact = facts.evidence_fact(file.fact)
        if (fact, file.sha256) in proved:
            continue
        proved.add((fact, file.sha256))
        facts_proved.append(fact)
        known = facts.of_case(case, facts_proved)
        yield EvidenceAdded(
            **said(case, _actor(case, news)),
            fact=fact,
            missing_facts=facts.missing(_needs(case, policy), known),
            sha256=file.sha256,
            media_type=file.media_type,
            name=file.name,
        )


def _answered(case: Case, news: News, after: Status) -> CaseEvent:
    names = {*news.facts, *(facts.evidence_fact(file.fact) for file in news.evidence)}
    return CustomerAnswered(
        **said(case, _actor(case, news), after),
        names=tuple(sorted(names)),
        missing_facts=case.missing_facts,
        facts=dict(news.facts),
    )


def _missing(case: Case, policy: Policy) -> tuple[str, ...]:
    return facts.missing(_needs(case, policy), facts.of_case(case))


def _needs(case: Case, policy: Policy) -> tuple[FactNeed, ...]:
    return facts.needs(policy, case.category, case.representative)


_EVENTS: Final[tuple[Callable[[Case, News, Policy], Iterable[CaseEvent]], ...]] = (
    _contact,
    _new_facts,
    _evidence,
)
