"""`/v1/policies`: every pack and calendar that a case may be pinned to, whole, by digest.

Owns paths, parameters and status codes. Nothing can be written here: a pack comes with a
deploy, and a case changes its policy by an event of its own.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from schemas.event import Model
from services.escalation.core.calendar import Calendar
from services.escalation.store import QUERIES, PolicyBook
from services.kit.faults import NotFound
from services.kit.http import page
from services.kit.unit import Entities

_PROBLEM: Final = {
    "description": "There is none with this digest",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": {"type": "string", "format": "uri"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
_ABSENT: Final[dict[int | str, dict[str, Any]]] = {404: _PROBLEM}


class PolicyLine(Model):
    """One policy of the list. `asked` says when a new case asks it: 1 is first; none: never."""

    digest: str
    name: str
    version: str
    stored_at: str
    current: bool
    asked: int | None
    running_cases: int
    """Cases that run under it; after an upgrade each counts from its next change on."""
    calendars: dict[str, str]
    """The digest of each of its calendars."""


class CalendarLine(Model):
    """One calendar of the list, with the policies that count by it."""

    digest: str
    name: str
    time_zone: str
    horizon: str | None
    policies: list[str]


class PolicyPage(Model):
    """All policies, newest first."""

    items: list[PolicyLine]
    next: str | None


class CalendarPage(Model):
    """All calendars by name."""

    items: list[CalendarLine]
    next: str | None


def build_policy_router(entities: Entities, book: PolicyBook) -> APIRouter:
    """Every route of policies; the calendars' come first, for they look like a digest."""
    router = APIRouter(prefix="/v1/policies", tags=["policies"])
    _add_calendars(router, entities, book)
    _add_policies(router, entities, book)
    return router


def _add_calendars(router: APIRouter, entities: Entities, book: PolicyBook) -> None:
    @router.get("/calendars", response_model=CalendarPage)
    async def list_calendars() -> dict[str, Any]:
        """Every calendar of every stored policy, with the policies that count by it."""
        await book.refresh(entities.db)
        lines = [_calendar_line(digest, book) for digest in book.calendars()]
        return page(sorted(lines, key=lambda line: (line["name"], line["digest"])), None)

    @router.get("/calendars/{digest}", responses=_ABSENT)
    async def read_calendar(digest: str) -> Response:
        """One calendar, whole: the plain form that its digest covers."""
        await book.refresh(entities.db)
        found = book.calendars().get(digest)
        if found is None:
            raise NotFound("no such calendar")
        return JSONResponse(found.to_plain())


def _add_policies(router: APIRouter, entities: Entities, book: PolicyBook) -> None:
    @router.get("", response_model=PolicyPage)
    async def list_policies() -> dict[str, Any]:
        """Every policy that a case may be pinned to, newest first, and which ones are current."""
        await book.refresh(entities.db)
        running = await entities.db.fetch(QUERIES["running_by_policy"])
        counts = {row["policy"]: row["cases"] for row in running}
        rows = await entities.db.fetch(QUERIES["list_policies"])
        return page([_policy_line(row, counts, book) for row in rows], None)

    @router.get("/{digest}", responses=_ABSENT)
    async def read_policy(digest: str) -> Response:
        """One policy, whole: the canonical JSON that its digest covers."""
        row = await entities.db.fetchrow(QUERIES["policy_document"], digest)
        if row is None:
            raise NotFound("no such policy")
        return Response(row["document"], media_type="application/json")


def _policy_line(row: Any, counts: dict[str | None, int], book: PolicyBook) -> dict[str, Any]:
    digest = row["digest"]
    policy, current = book.find(digest), book.current
    return {
        "digest": digest,
        "name": row["name"],
        "version": row["version"],
        "stored_at": row["stored_at"].isoformat(),
        "current": digest in current,
        "asked": current.index(digest) + 1 if digest in current else None,
        "running_cases": counts.get(digest, 0),
        "calendars": policy.calendar_digests() if policy else {},
    }


def _calendar_line(digest: str, book: PolicyBook) -> dict[str, Any]:
    calendar: Calendar = book.calendars()[digest]
    return {
        "digest": digest,
        "name": calendar.name,
        "time_zone": calendar.zone.key,
        "horizon": calendar.horizon.isoformat() if calendar.horizon else None,
        "policies": book.counting_by(digest),
    }
