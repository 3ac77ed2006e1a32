"""Whether a report opens a case, is known already, or is one more contact of a case.

Owns identity: the same report never opens a second case. Which case a report joins is for
`collapsing` to say; locks are the shell's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from schemas.case import CaseEvent, CaseOpened
from schemas.report import Report
from schemas.vocabulary import Role, Status
from services.intake.core import facts
from services.intake.core.arrive import (
    News,
    actor_of,
    arrive,
    at_impossible_time,
    contact_at,
    reported_again,
)
from services.intake.core.collapsing import joins
from services.intake.core.evolve import opened
from services.intake.core.lifecycle import Arrival
from services.intake.core.matching import Choice, choose
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, Policies, Policy, case_id
from services.intake.core.statutory import statutory


def admit(
    report: Report,
    *,
    subject: UUID,
    known: Case | None,
    candidates: Sequence[Case],
    policies: Policies,
    now: datetime,
) -> Outcome | Refused:
    """The case that the report belongs to after it.

    `known` is the case that its identity already belongs to; `candidates` are cases of the same
    customer and matter; `subject` is the opaque id of the customer.
    """
    refused = unvouched(report)
    if refused is not None:
        return refused
    if known is not None:
        return Outcome(Reason.KNOWN, known)
    refused = impossible_time(report, now)
    if refused is not None:
        return refused
    chosen = choose(report, policies.offered)
    found = joins(report, candidates, chosen)
    if found is not None:
        case, joined = found
        return arrive(case, reported_again(report, joined), policies.of(case), now)
    return open_case(report, opening(report, subject, chosen), chosen.policy, now)


def unvouched(report: Report) -> Refused | None:
    """The refusal of a customer's own word that their identity was verified."""
    by_customer = report.by is not None and report.by.role is Role.CUSTOMER
    if not (by_customer and report.customer.identity_verified):
        return None
    return Refused(
        Refusal.IDENTITY_NOT_THEIRS_TO_VERIFY,
        "a customer's own report says nothing about who verified them: leave it out",
        pointer="/customer/identity_verified",
    )


def impossible_time(report: Report, now: datetime) -> Refused | None:
    """The refusal of a report whose instants cannot be."""
    refused = at_impossible_time(report.occurred_at, "/occurred_at", now)
    if refused is None and report.contact.occurred_at is not None:
        return at_impossible_time(report.contact.occurred_at, "/contact/occurred_at", now)
    return refused


def open_case(report: Report, event: CaseOpened, policy: Policy, now: datetime) -> Outcome:
    """The case that its opening event begins, with the report's files."""
    case = opened(case_id(report.source, report.external_id), event, now)
    # Files of the report itself answer nobody: a case imported as waiting goes on waiting.
    files = News(Arrival.FACTS, Reason.OPENED, by=event.by, evidence=report.evidence)
    outcome = arrive(case, files, policy, now)
    assert isinstance(outcome, Outcome), "a case just opened takes evidence"  # noqa: S101
    events: tuple[CaseEvent, ...] = (event, *outcome.events)
    return Outcome(Reason.OPENED, outcome.case, events)


def opening(report: Report, subject: UUID, chosen: Choice) -> CaseOpened:
    """The event that opens a case for a report; files follow with events of their own."""
    found, policy = chosen.triage, chosen.policy
    at = contact_at(report)
    customer, money = report.customer, report.transaction
    known = facts.Known(customer, money, report.facts, (), report.description)
    needed = facts.needs(policy, found.category, report.representative)
    actor = report.by or actor_of(report.contact, customer.id, customer.name)
    return CaseOpened(
        status=Status.OPEN,
        by_role=actor.role,
        by=actor,
        data_subject=subject,
        category=found.category,
        severity=found.severity,
        lane=found.lane,
        triage=chosen.reasons(),
        language=found.language,
        money_at_risk=found.money_at_risk,
        policy=policy.pin,
        channel=report.contact.channel,
        occurred_at=at,
        started_at=at,
        identity_verified=customer.identity_verified,
        locale=customer.locale,
        time_zone=customer.time_zone,
        amount=money.amount if money else None,
        currency=money.currency if money else None,
        missing_facts=facts.missing(needed, known),
        complained_about=facts.complained_about(report.facts),
        statutory=statutory(policy.pack, report.facts, money),
        source=report.source,
        external_id=report.external_id,
        customer=customer,
        representative=report.representative,
        description=report.description,
        contact=report.contact,
        transaction=money,
        facts=report.facts,
    )
