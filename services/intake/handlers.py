"""Intake's work: admit reports, hear contacts, take files, obey commands.

Owns the steps; the core decides and `working` locks and writes. Reports by HTTP and by Kafka take
the same way, many in one transaction. Refusals become the kit's faults here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import structlog

from schemas.report import (
    FOREIGN_REPORTS,
    Actor,
    CaseAddress,
    ContactReported,
    EvidenceRef,
    FactReported,
    Report,
    TransactionUpdated,
)
from schemas.vocabulary import Role
from services.intake import evidence_store
from services.intake.core import facts
from services.intake.core.arrive import News, arrive, at_impossible_time, spoke
from services.intake.core.erasures import customer_named
from services.intake.core.lifecycle import Arrival
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused, erased
from services.intake.core.state import Case, Policy
from services.intake.receiving import Received
from services.intake.working import Desk, Working
from services.kit import faults, telemetry
from services.kit.entities import Incoming
from services.kit.foreign import Outcome as Taken
from services.kit.foreign import read_as
from services.kit.unit import Unit

_log = structlog.get_logger(__name__)
Message = Report | ContactReported | FactReported | TransactionUpdated


@dataclass(frozen=True, slots=True)
class Done:
    """What a request led to: the reason, the case after it, where its stream stands."""

    reason: Reason
    case: Case
    position: str
    policy: Policy
    opened: UUID | None = None


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of requests that have a transaction each."""

    desk: Desk

    async def evidence(
        self, unit: Unit, case_id: UUID, received: Received, fact: str | None, by: Actor | None
    ) -> tuple[Done, EvidenceRef, bool]:
        """Tell of a file whose object is durable; False where another object holds it already."""
        work = await self.desk.begin(unit, ids=[case_id])
        case = known(work, case_id)
        file = EvidenceRef(
            fact=facts.evidence_fact(fact or facts.fact_of_unnamed(case, received.sha256)),
            sha256=received.sha256,
            media_type=received.media_type,
            name=received.filename,
        )
        by = by or Actor(role=Role.CUSTOMER, id=case.customer.id, name=case.customer.name)
        news = News(Arrival.EVIDENCE, Reason.EVIDENCE_ADDED, by=by, evidence=(file,))
        outcome = or_fault(arrive(case, news, work.policies.of(case), work.now(case)))
        finished = await finish(work, case, outcome)
        blind = self.desk.blind.file(case.id, file.sha256)
        named = await evidence_store.add(unit.conn, case, blind, received.kept, work.now(case))
        return finished, file, named


async def finish(work: Working, before: Case, outcome: Outcome) -> Done:
    """Write what a request led to for one case."""
    finished = take(work, before, outcome)
    await work.write()
    return finished


def take(work: Working, before: Case, outcome: Outcome) -> Done:
    """Have what a request led to for one case written with the rest."""
    # Unique: a case's position moves with every trigger that leads to an event.
    work.take(uuid5(before.id, f"http:{work.reached(before.id)}"), outcome)
    return done(work, outcome)


def done(work: Working, outcome: Outcome) -> Done:
    """What a request led to, whose outcome was taken."""
    case = outcome.case
    return Done(
        outcome.reason,
        case,
        work.position(case),
        work.policies.of(case),
        outcome.opened.case.id if outcome.opened else None,
    )


def known(work: Working, case_id: UUID) -> Case:
    """The case that a request names. Raises `NotFound`, or `Erased` where its customer was."""
    case = work.cases.get(case_id)
    if case is None and work.was_erased(CaseAddress(case_id=case_id)):
        raise faults.Erased
    if case is None:
        raise faults.NotFound(f"no case {case_id}")
    return case


def or_fault(outcome: Outcome | Refused) -> Outcome:
    """The outcome; a refusal is raised: 422 where a field is at fault, else 409."""
    if isinstance(outcome, Outcome):
        return outcome
    if outcome.pointer is not None:
        raise faults.Invalid(outcome.pointer, outcome.detail)
    extra: dict[str, Any] = {}
    if outcome.statuses:
        extra["statuses"] = [status.value for status in outcome.statuses]
    if outcome.incident is not None:
        extra["incident"] = str(outcome.incident)
    raise faults.Refused(outcome.reason, outcome.detail, extra)


@dataclass(frozen=True, slots=True)
class ReportsConsumer:
    """Takes batches of topic `reports`; satisfies the kit's `ForeignLogic`."""

    desk: Desk

    def subject_in(self, value: bytes) -> UUID | None:
        """The customer that a message names, as a data subject."""
        named = customer_named(value)
        return None if named is None else self.desk.blind.sealer.subject_of("customer", named)

    async def on_foreign(self, unit: Unit, incoming: Sequence[Incoming]) -> Sequence[Taken]:
        """One outcome per message, in order; a message may build on one before it."""
        messages = [_read(item) for item in incoming]
        work = await self.desk.begin(
            unit,
            reports=[message for message in messages if isinstance(message, Report)],
            addresses=[address for message in messages for address in _addresses(message)],
        )
        taken = [
            message if isinstance(message, faults.Poison) else _decided(work, item, message)
            for item, message in zip(incoming, messages, strict=True)
        ]
        await work.write()
        return taken


def _read(incoming: Incoming) -> Message | faults.Poison:
    message = read_as(FOREIGN_REPORTS, incoming)
    assert isinstance(message, Message | faults.Poison), "the table of foreign reports is complete"  # noqa: S101
    return message


def _addresses(message: Message | faults.Poison) -> list[CaseAddress]:
    return [] if isinstance(message, (Report, faults.Poison)) else [message.case]


def _decided(work: Working, incoming: Incoming, message: Message) -> Taken:
    """Decide about one message; one that cannot be decided poisons nothing but itself."""
    try:
        outcome = _outcome(work, incoming, message)
    except Exception as error:
        _log.exception("decision_failed", type=incoming.type)
        return faults.Poison("decision_failed", type(error).__name__)
    if outcome is None:
        return faults.Postpone("unknown_case")
    if isinstance(outcome, Refused) and outcome.reason is Refusal.ERASED:
        # Nobody is left whom it could help, and a dead letter would keep what was to be erased.
        telemetry.ERASED_ARRIVALS.inc()
        return None
    if isinstance(outcome, Refused):
        return faults.Poison(outcome.reason, outcome.pointer or "")
    return None


def _outcome(work: Working, incoming: Incoming, message: Message) -> Outcome | Refused | None:
    if isinstance(message, Report):
        return work.admit(incoming.id, message)
    case = work.find(message.case)
    if case is None:
        return erased() if work.was_erased(message.case) else None
    now = work.now(case)
    news = _news(incoming, message)
    refused = (
        at_impossible_time(news.spoken.occurred_at, "/occurred_at", now) if (news.spoken) else None
    )
    outcome = refused or arrive(case, news, work.policies.of(case), now)
    work.take(incoming.id, outcome)
    return outcome


def _news(incoming: Incoming, message: ContactReported | FactReported | TransactionUpdated) -> News:
    if isinstance(message, ContactReported):
        at = min(message.occurred_at, message.contact.occurred_at or message.occurred_at)
        return spoke(message.contact, at, message.description)
    by = Actor(role=Role.BACKEND, id=incoming.source)
    if isinstance(message, FactReported):
        return News(Arrival.FACTS, Reason.FACTS_ADDED, by=by, facts=message.facts)
    return News(Arrival.FACTS, Reason.FACTS_ADDED, by=by, transaction=message.transaction)
