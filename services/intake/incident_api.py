"""Intake's HTTP about incidents: `/v1/incidents`. Parses, calls, answers; decides nothing.

Owns paths, parameters and status codes (walkthrough, section 2).
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.intake.bounds import bounded
from services.intake.core import views
from services.intake.core.incidents import NewIncident, Ordered, Words
from services.intake.handlers import Done
from services.intake.incident_reads import IncidentShelf, Standing, summary
from services.intake.incidents import Incidents
from services.intake.showing import show_lines
from services.kit.idempotency import Answer, run_once
from services.kit.unit import Entities, Unit

Cursor = Annotated[str | None, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200)]


def incident_router(
    entities: Entities, incidents: Incidents, shelf: IncidentShelf, body_max_bytes: int
) -> APIRouter:
    """The routes of `/v1/incidents`."""
    router = APIRouter(
        prefix="/v1/incidents", tags=["incidents"], route_class=bounded(body_max_bytes)
    )
    _add_words(router, entities, incidents)
    _add_links(router, entities, incidents)
    _add_reads(router, shelf)
    return router


def _add_words(router: APIRouter, entities: Entities, incidents: Incidents) -> None:
    @router.post("", status_code=201)
    async def begin_incident(request: Request, new: NewIncident) -> Response:
        """Begin an incident; a `text` is its first update."""

        async def work(unit: Unit) -> Answer:
            incident = await incidents.begin(unit, new)
            place = {"Location": f"/v1/incidents/{incident.id}"}
            return Answer(201, summary(incident, 0), place)

        return await run_once(request, entities, work)

    @router.post("/{incident_id}/updates", status_code=201)
    async def tell_all(request: Request, incident_id: UUID, words: Words) -> Response:
        """Tell every linked case the same. Answers before they are told; `untold` counts down."""

        async def work(unit: Unit) -> Answer:
            said = await incidents.tell(unit, incident_id, words)
            return Answer(201, {"update": said.number, "cases": said.cases})

        return await run_once(request, entities, work)

    @router.post("/{incident_id}/close")
    async def close_incident(request: Request, incident_id: UUID, words: Words) -> Response:
        """A last update for all; then each case runs on for itself, its answers kept."""

        async def work(unit: Unit) -> Answer:
            said = await incidents.tell(unit, incident_id, words, last=True)
            body = {"status": "closed", "update": said.number, "cases": said.cases}
            return Answer(200, body)

        return await run_once(request, entities, work)


def _add_links(router: APIRouter, entities: Entities, incidents: Incidents) -> None:
    @router.put("/{incident_id}/cases/{case_id}")
    async def link_case(
        incident_id: UUID, case_id: UUID, order: Ordered | None = None
    ) -> dict[str, Any]:
        """Link a case and tell it the newest update; the same again changes nothing."""
        by = order.by if order else None
        async with entities.transaction() as unit:
            done = await incidents.link(unit, incident_id, case_id, by)
        return _summary(done)

    @router.delete("/{incident_id}/cases/{case_id}")
    async def unlink_case(
        incident_id: UUID, case_id: UUID, order: Ordered | None = None
    ) -> dict[str, Any]:
        """Take a case off: clocks that only this incident answered run again.

        A case that is not linked to this incident is answered as it is, and nothing changes.
        """
        by = order.by if order else None
        async with entities.transaction() as unit:
            done = await incidents.unlink(unit, incident_id, case_id, by)
        return _summary(done)


def _add_reads(router: APIRouter, shelf: IncidentShelf) -> None:
    @router.get("")
    async def find_incidents(
        status: Standing | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> dict[str, Any]:
        """Incidents, newest first."""
        return await shelf.find(status, cursor, limit)

    @router.get("/{incident_id}")
    async def read_incident(incident_id: UUID) -> dict[str, Any]:
        """An incident, its updates, and how many cases do not know the newest one yet."""
        return await shelf.one(incident_id)

    @router.get("/{incident_id}/cases")
    async def incident_cases(
        request: Request, incident_id: UUID, cursor: Cursor = None, limit: Limit = 50
    ) -> dict[str, Any]:
        """The cases that are linked now, each with the number of the last update it was told."""
        return show_lines(request, await shelf.cases(incident_id, cursor, limit))


def _summary(done: Done) -> dict[str, Any]:
    return views.summary(done.case, done.position, done.policy)
