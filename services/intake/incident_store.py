"""What intake remembers of incidents: titles and texts, sealed, and which case was told what.

Owns their tables and how they are sealed. Decides nothing; every statement is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from schemas.report import Actor
from services.intake.core.incidents import Incident, NewIncident, Update, Words
from services.intake.store import QUERIES, Session
from services.kit.sealing import Sealer


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """One incident as it rests."""

    id: UUID
    title: str
    by: Actor
    created_at: datetime
    closed_at: datetime | None
    updates: int

    def for_cases(self) -> Incident:
        """The incident as decisions about its cases need it."""
        return Incident(self.id, self.updates, self.closed_at is not None)


class Linked(NamedTuple):
    """How many cases are linked, and how many of them do not know the newest update yet."""

    cases: int
    untold: int


@dataclass(frozen=True, slots=True)
class IncidentStore:
    """The incidents; each method runs in the session that it is given."""

    sealer: Sealer

    async def add(self, session: Session, new: NewIncident, now: datetime) -> UUID:
        """Keep a new incident under an id of its own; its first update is kept apart."""
        row = await session.fetchrow(QUERIES["draw_incident_id"])
        id_: UUID = row["id"]
        document = new.model_dump_json(include={"title", "by"}).encode()
        sealed = self.sealer.seal_raw(document, _place(id_))
        await session.execute(QUERIES["add_incident"], id_, sealed, now)
        return id_

    async def find(
        self, session: Session, id_: UUID, statement: str = "incident"
    ) -> IncidentRecord | None:
        """One incident; `share_incident` and `lock_incident` hold it as it is."""
        row = await session.fetchrow(QUERIES[statement], id_)
        return self.record(row) if row else None

    def record(self, row: Any) -> IncidentRecord:
        """The incident of a row."""
        kept = NewIncident.model_validate_json(
            self.sealer.open_raw(row["document"], _place(row["id"]))
        )
        return IncidentRecord(
            row["id"], kept.title, kept.by, row["created_at"], row["closed_at"], row["updates"]
        )

    async def add_update(
        self, session: Session, incident: IncidentRecord, words: Words, now: datetime, *, last: bool
    ) -> int:
        """Keep the next update of a locked incident, to be told; answers its number."""
        number = incident.updates + 1
        sealed = self.sealer.seal_raw(words.model_dump_json().encode(), _place(incident.id, number))
        over_at = now if last else None
        await session.execute(QUERIES["add_update"], incident.id, number, sealed, now, over_at)
        return number

    async def updates(
        self, session: Session, incident_id: UUID, since: int = 1
    ) -> list[tuple[Update, datetime]]:
        """The updates from a number on, oldest first, each with its instant."""
        rows = await session.fetch(QUERIES["incident_updates"], incident_id, since)
        return [(self._update(incident_id, row), row["at"]) for row in rows]

    def _update(self, incident_id: UUID, row: Any) -> Update:
        place = _place(incident_id, row["number"])
        words = Words.model_validate_json(self.sealer.open_raw(row["document"], place))
        return Update(row["number"], words)


def _place(incident_id: UUID, number: int = 0) -> bytes:
    """What a sealed document is bound to: an incident (0), or one of its updates."""
    return b"incident\0" + incident_id.bytes + number.to_bytes(4)


async def count(session: Session, incident: IncidentRecord) -> Linked:
    """How many cases are linked, and how many of them are still to be told."""
    row = await session.fetchrow(QUERIES["count_linked"], incident.id, incident.updates)
    return Linked(row["cases"], row["untold"])


async def told(session: Session, incident_id: UUID, case_id: UUID) -> int:
    """How many of the updates a case knows, also from an earlier link."""
    row = await session.fetchrow(QUERIES["told_of"], incident_id, case_id)
    return int(row["told"]) if row else 0


async def link(session: Session, incident: Incident, case_id: UUID, now: datetime) -> None:
    """Remember a link; the case knows the newest update."""
    arguments = (incident.id, case_id, now, incident.updates)
    await session.execute(QUERIES["link_case"], *arguments)


async def leave(session: Session, case_ids: Iterable[UUID], now: datetime) -> None:
    """Remember that cases are linked no longer."""
    wanted = sorted(case_ids)
    if wanted:
        await session.execute(QUERIES["leave_incidents"], wanted, now)


async def claim(session: Session) -> Incident | None:
    """An incident with something to tell, held until the transaction ends."""
    row = await session.fetchrow(QUERIES["claim_telling"])
    return Incident(row["id"], row["updates"], row["closed_at"] is not None) if row else None


async def untold(session: Session, incident: Incident, limit: int) -> list[UUID]:
    """Some cases that do not know the newest update; they are not locked yet."""
    rows = await session.fetch(QUERIES["untold_cases"], incident.id, incident.updates, limit)
    return [row["case_id"] for row in rows]


async def next_of(
    session: Session, incident: Incident, case_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """Of locked cases, those that are still to be told: the number of the update that is next."""
    arguments = (incident.id, list(case_ids), incident.updates)
    rows = await session.fetch(QUERIES["still_untold"], *arguments)
    return {row["case_id"]: row["next"] for row in rows}


async def mark_told(session: Session, incident: Incident, case_ids: Iterable[UUID]) -> None:
    """Remember that the next update was told to these cases."""
    await session.execute(QUERIES["mark_told"], incident.id, sorted(case_ids))


async def end_telling(session: Session, incident: Incident) -> None:
    """Remember that all are told, unless something was said meanwhile."""
    await session.fetchrow(QUERIES["lock_incident"], incident.id)
    await session.execute(QUERIES["end_telling"], incident.id)


async def telling(session: Session) -> int:
    """How many incidents have something to tell."""
    row = await session.fetchrow(QUERIES["count_telling"])
    return int(row["incidents"]) if row else 0
