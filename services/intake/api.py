"""Intake's HTTP: `/v1/cases`, `/v1/imports`. Parses, calls the handlers, answers; decides nothing.

Owns paths, parameters and status codes (walkthrough, section 1).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime

from schemas.imports import Import
from schemas.report import Contact, Report
from schemas.vocabulary import Category, Status
from services.intake import reads
from services.intake.authorship import signed
from services.intake.bounds import bounded
from services.intake.core import views
from services.intake.core.commands import Command, Promise
from services.intake.core.outcome import Reason
from services.intake.handlers import Done, Handlers
from services.intake.showing import show_known, show_lines
from services.intake.wishes import Wish, Wishes, to_admit, to_hear, to_obey
from services.kit.grouped import Grouped
from services.kit.idempotency import Answer
from services.kit.identity.principal import check_own
from services.kit.unit import Entities
from services.kit.waiting import wait_until

After = Annotated[str | None, Query(max_length=200, description="such as cases:17")]


def build_router(
    entities: Entities, handlers: Handlers, shelf: reads.Shelf, *, body_max_bytes: int
) -> APIRouter:
    """The routes of `/v1/cases` and `/v1/imports`."""
    small = bounded(body_max_bytes)
    cases = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=small)
    grouped = Grouped(entities, Wishes(handlers.desk))
    _add_writes(cases, entities, grouped)
    _add_reads(cases, entities, shelf)
    imports = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=small)
    _add_imports(imports, grouped)
    router = APIRouter()
    router.include_router(imports)
    router.include_router(cases)
    return router


def _add_writes(router: APIRouter, entities: Entities, grouped: Grouped[Wish]) -> None:
    @router.post("", status_code=201)
    async def report_case(request: Request, report: Report) -> Response:
        """Report a problem. 201 for a new case, 200 for one known or joined as a contact."""
        wish = to_admit(signed(request, report), _admitted)
        return show_known(request, await grouped.post(request, _own(request, wish)))

    @router.post("/{case_id}/contacts", status_code=201)
    async def add_contact(request: Request, case_id: UUID, contact: Contact) -> Response:
        """One more contact of a case."""

        return await grouped.post(request, to_hear(case_id, contact, _heard))

    @router.post("/{case_id}/commands")
    async def order(
        request: Request,
        case_id: UUID,
        command: Annotated[Command, Body()],
        after: After = None,
    ) -> Response:
        """Order something; 409 with the reason and the legal statuses where it can't be."""
        if after is not None:
            await wait_until(entities, case_id, after)

        def answer(done: Done) -> Answer:
            return Answer(200, _ordered(done, command), subject=done.case.subject)

        return await grouped.post(request, to_obey(case_id, command, answer))


def _own(request: Request, wish: Wish) -> Wish:
    """A wish that meets nothing that is not the caller's, where the caller is a customer."""
    return replace(wish, may=partial(check_own, request))


def _add_imports(router: APIRouter, grouped: Grouped[Wish]) -> None:
    @router.post("", status_code=201)
    async def import_case(request: Request, order: Import) -> Response:
        """Bring in a case of another system. 201 for a new case, 200 for one known or joined."""
        return show_known(request, await grouped.post(request, to_admit(order, _admitted)))


def _admitted(done: Done) -> Answer:
    new = done.reason is Reason.OPENED
    place = {"Location": f"/v1/cases/{done.case.id}"}
    body = {**_summary(done), "reason": done.reason}
    return Answer(201 if new else 200, body, place, done.case.subject)


def _heard(done: Done) -> Answer:
    body = {**_summary(done), "contact_id": str(done.case.contacts[-1].id)}
    return Answer(201, body, subject=done.case.subject)


def _add_reads(router: APIRouter, entities: Entities, shelf: reads.Shelf) -> None:
    @router.get("/{case_id}")
    async def read_case(case_id: UUID, after: After = None) -> dict[str, Any]:
        """The whole case; `after` waits until that position is reached."""
        if after is not None:
            await wait_until(entities, case_id, after)
        return await shelf.case(case_id)

    @router.get("")
    async def find_cases(
        request: Request,
        customer: Annotated[str | None, Query(max_length=200)] = None,
        phone: Annotated[str | None, Query(max_length=30)] = None,
        email: Annotated[str | None, Query(max_length=320)] = None,
        transaction: Annotated[str | None, Query(max_length=200)] = None,
        status: Status | None = None,
        category: Category | None = None,
        opened_after: AwareDatetime | None = None,
        opened_before: AwareDatetime | None = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """Cases that fit all of what is given, newest first: opened at `opened_after` or later, and
        before `opened_before`."""
        times, page = (opened_after, opened_before), (cursor, limit)
        wanted = reads.Wanted(customer, phone, email, transaction, status, category, *times, *page)
        return show_lines(request, await shelf.find(wanted))


def _summary(done: Done) -> dict[str, Any]:
    return views.summary(done.case, done.position, done.policy)


def _ordered(done: Done, command: Command) -> dict[str, Any]:
    body = _summary(done)
    if isinstance(command, Promise):
        body["promise_id"] = str(done.case.promises[-1].id)
    if done.opened is not None:
        body["new_case"] = str(done.opened)
    return body
