"""What being part of an incident does to a case: linked, told, and let go again.

Owns these decisions, each under the case's lock, and what an incident says in which language.
Which cases are linked and what they were told is remembered beside the cases; see `store`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from schemas.case import CaseEvent, IncidentLinked, IncidentUnlinked, IncidentUpdated
from schemas.event import Model
from schemas.report import Actor, Locale, LongText, ShortText
from schemas.vocabulary import Role
from services.intake.core.arrive import said
from services.intake.core.evolve import evolve
from services.intake.core.lifecycle import Linking, status_after
from services.intake.core.outcome import Outcome, Reason, Refusal, Refused, not_in_this_status
from services.intake.core.state import Case


def _at_the_operator(by: Actor) -> Actor:
    if by.role is Role.CUSTOMER:
        raise ValueError("incidents are the operator's; a customer cannot act on one")
    return by


ByOperator = Annotated[Actor, AfterValidator(_at_the_operator)]
Translations = Annotated[dict[Locale, LongText], Field(max_length=50)]


class Words(Model):
    """What every case of an incident is told, and by whom.

    `translations` has the same text by language tag; customers who read none of these languages
    get `text`.
    """

    text: LongText
    translations: Translations = {}
    by: ByOperator

    def for_reader(self, locale: str) -> str:
        """The text in the reader's language, as far as it was given."""
        given = {_tag(tag): text for tag, text in self.translations.items()}
        tag = _tag(locale)
        return given.get(tag) or given.get(tag.partition("-")[0]) or self.text


class NewIncident(Model):
    """The body of `POST /v1/incidents`; a `text` is its first update."""

    title: ShortText
    text: LongText | None = None
    translations: Translations = {}
    by: ByOperator

    def words(self) -> Words | None:
        """The first update, if there is one already."""
        if self.text is None:
            return None
        return Words(text=self.text, translations=self.translations, by=self.by)


class Ordered(Model):
    """The body of linking and unlinking, which may be left out."""

    by: ByOperator | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident, as far as its cases depend on it. `updates` is the number of the newest."""

    id: UUID
    updates: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Update:
    """One update of an incident."""

    number: int
    words: Words


def link(
    case: Case,
    incident: Incident,
    by: Actor | None,
    now: datetime,
    news: Update | None = None,
) -> Outcome | Refused:
    """Links a case; `news` is the newest update, unless there is none or it knows it already."""
    if incident.closed:
        return Refused(Refusal.INCIDENT_CLOSED, "the incident is over and takes no more cases")
    if case.incident == incident.id:
        return Outcome(Reason.NOTHING_NEW, case)
    if status_after(Linking.LINK, case.status) is None:
        return not_in_this_status(Linking.LINK, case)
    if case.incident is not None:
        detail = "the case is part of another incident; take it off that one first"
        return Refused(Refusal.LINKED_ELSEWHERE, detail, incident=case.incident)
    told: list[CaseEvent] = [IncidentLinked(**said(case, by), incident_id=incident.id)]
    if news is not None:
        told.append(_updated(case, incident, news))
    return Outcome(Reason.ORDERED, evolve(case, told, now), tuple(told))


def unlink(case: Case, incident_id: UUID, by: Actor | None, now: datetime) -> Outcome:
    """Takes a case off an incident that it is no part of; one that is not on it stays as it is."""
    if case.incident != incident_id:
        return Outcome(Reason.NOTHING_NEW, case)
    event = IncidentUnlinked(**said(case, by), incident_id=incident_id)
    return Outcome(Reason.ORDERED, evolve(case, [event], now), (event,))


def tell(case: Case, incident: Incident, update: Update, now: datetime) -> Outcome:
    """Tells a linked case an update; with the last one of an incident that is over it is let go."""
    told: list[CaseEvent] = [_updated(case, incident, update)]
    if incident.closed and update.number == incident.updates:
        by = said(case, update.words.by)
        told.append(IncidentUnlinked(**by, incident_id=incident.id, incident_over=True))
    return Outcome(Reason.ORDERED, evolve(case, told, now), tuple(told))


def _updated(case: Case, incident: Incident, update: Update) -> IncidentUpdated:
    return IncidentUpdated(
        **said(case, update.words.by),
        incident_id=incident.id,
        number=update.number,
        text=update.words.for_reader(case.customer.locale),
    )


def _tag(locale: str) -> str:
    return locale.replace("_", "-").lower()
