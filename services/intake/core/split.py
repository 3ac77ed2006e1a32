"""Making a case of its own out of some contacts of another.

Owns what the new case takes along: the customer and the contacts. The transaction and the facts
stay behind, since a split says that they belong to the other matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid5

from schemas.case import CaseEvent, CaseSplit
from schemas.report import Report
from services.intake.core.admit import opening
from services.intake.core.arrive import arrive, said, spoke
from services.intake.core.commands import Split
from services.intake.core.evolve import evolve, opened
from services.intake.core.matching import choose
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused
from services.intake.core.state import Case, ContactRecord, Policy

SOURCE = "recourse.split"


def split(
    case: Case, command: Split, offered: Sequence[Policy], now: datetime
) -> Outcome | Refused:
    """The case without the named contacts, and the case that they open."""
    staying = [record for record in case.contacts if record.moved_to is None]
    moving = [record for record in staying if record.id in command.contacts]
    refused = _cannot_move(command, staying, moving)
    if refused is not None:
        return refused
    new = _new_case(case, moving, offered, now)
    event = CaseSplit(
        **said(case, command.by),
        new_case=new.case.id,
        contacts=tuple(record.id for record in moving),
    )
    return Outcome(Reason.ORDERED, evolve(case, [event], now), (event,), opened=new)


def _cannot_move(
    command: Split, staying: Sequence[ContactRecord], moving: Sequence[ContactRecord]
) -> Refused | None:
    here = {record.id for record in staying}
    for index, wanted in enumerate(command.contacts):
        if wanted not in here:
            detail = "the case has no contact with this id"
            return Refused(Refusal.UNKNOWN_CONTACT, detail, pointer=f"/contacts/{index}")
    if len(moving) == len(staying):
        return Refused(Refusal.NO_CONTACT_LEFT, "at least one contact must stay")
    return None


def _new_case(
    case: Case, moving: Sequence[ContactRecord], offered: Sequence[Policy], now: datetime
) -> Outcome:
    first, *others = sorted(moving, key=lambda record: record.occurred_at)
    report = _as_report(case, first)
    chosen = choose(report, offered)
    event = opening(report, case.subject, chosen)
    # Under the old case's id as namespace: no report's identity can lead to the same id.
    new = opened(uuid5(case.id, report.external_id), event, now)
    told: list[CaseEvent] = [event]
    for record in others:
        news = spoke(record.contact, record.occurred_at, record.description)
        outcome = arrive(new, news, chosen.policy, now)
        assert isinstance(outcome, Outcome), "a case just opened takes contacts"  # noqa: S101
        new = outcome.case
        told.extend(outcome.events)
    return Outcome(Reason.OPENED, new, tuple(told))


def _as_report(case: Case, first: ContactRecord) -> Report:
    return Report(
        source=SOURCE,
        external_id=str(first.id),
        description=first.description or first.contact.summary or case.description,
        occurred_at=first.occurred_at,
        customer=case.customer.model_copy(update={"identity_verified": case.identity_verified}),
        representative=case.representative,
        contact=first.contact,
    )
