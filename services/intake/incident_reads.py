"""Reading incidents: one with its updates, a list of them, and the cases of one. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.intake import incident_store
from services.intake.core.incidents import Update
from services.intake.incident_store import IncidentRecord, IncidentStore
from services.intake.reads import END_OF_TIME, seen_until
from services.intake.store import QUERIES
from services.kit.faults import Invalid, NotFound
from services.kit.http import decode_cursor, page
from services.kit.unit import Entities

Body = dict[str, Any]
Standing = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class IncidentShelf:
    """The incidents, for readers."""

    entities: Entities
    store: IncidentStore

    async def one(self, id_: UUID) -> Body:
        """An incident with everything that was said. Raises `NotFound`."""
        incident = await self._found(id_)
        linked = await incident_store.count(self.entities.db, incident)
        updates = await self.store.updates(self.entities.db, id_)
        return {
            **summary(incident, linked.cases),
            "untold": linked.untold,
            "by": incident.by.model_dump(mode="json"),
            "updates": [_said(update, at) for update, at in updates],
        }

    async def find(self, status: Standing | None, cursor: str | None, limit: int) -> Body:
        """A page of incidents, newest first."""
        before = seen_until(decode_cursor(cursor)) if cursor else END_OF_TIME
        closed = None if status is None else status == "closed"
        rows = await self.entities.db.fetch(QUERIES["list_incidents"], *before, closed, limit + 1)
        found = [(self.store.record(row), row["cases"]) for row in rows[:limit]]
        last = found[-1][0] if len(rows) > limit else None
        following = [last.created_at.isoformat(), str(last.id)] if last else None
        return page([summary(incident, cases) for incident, cases in found], following)

    async def cases(self, id_: UUID, cursor: str | None, limit: int) -> Body:
        """A page of the cases that are linked to an incident. Raises `NotFound`."""
        await self._found(id_)
        after = _case_seen(cursor)
        rows = await self.entities.db.fetch(QUERIES["linked_cases"], id_, after, limit + 1)
        shown = rows[:limit]
        following = str(shown[-1]["case_id"]) if len(rows) > limit else None
        return page([_line(row) for row in shown], following)

    async def _found(self, id_: UUID) -> IncidentRecord:
        incident = await self.store.find(self.entities.db, id_)
        if incident is None:
            raise NotFound(f"no incident {id_}")
        return incident


def summary(incident: IncidentRecord, cases: int) -> Body:
    """What every answer says of an incident; `update` is the number of the newest update."""
    return {
        "id": str(incident.id),
        "title": incident.title,
        "status": "open" if incident.closed_at is None else "closed",
        "created_at": incident.created_at.isoformat(),
        "closed_at": _text(incident.closed_at),
        "cases": cases,
        "update": incident.updates,
    }


def _said(update: Update, at: datetime) -> Body:
    return {
        "update": update.number,
        "at": at.isoformat(),
        **update.words.model_dump(mode="json"),
    }


def _line(row: Mapping[str, Any]) -> Body:
    return {
        "id": str(row["case_id"]),
        "status": row["status"],
        "category": row["category"],
        "severity": row["severity"],
        "opened_at": row["opened_at"].isoformat(),
        "linked_at": row["linked_at"].isoformat(),
        "told": row["told"],
    }


def _case_seen(cursor: str | None) -> UUID:
    if cursor is None:
        return UUID(int=0)
    try:
        return UUID(decode_cursor(cursor))
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
