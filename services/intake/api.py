"""Intake's HTTP: `/v1/cases`, `/v1/imports`. Parses, calls the handlers, answers; decides nothing.

Owns paths, parameters and status codes (walkthrough, section 1).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from schemas.imports import Import
from schemas.report import Actor, Contact, FactName, Report
from schemas.vocabulary import Category, Status
from services.intake import reads
from services.intake.bounds import bounded
from services.intake.core import views
from services.intake.core.commands import Command, Promise
from services.intake.core.outcome import Reason
from services.intake.core.upload import NotMultipart, Upload, read_upload
from services.intake.handlers import Done, Handlers
from services.intake.showing import show_known, show_lines
from services.intake.wishes import Wish, Wishes, to_admit, to_hear, to_obey
from services.kit.faults import Invalid
from services.kit.grouped import Grouped
from services.kit.idempotency import Answer
from services.kit.identity.principal import acting, check_own
from services.kit.unit import Entities
from services.kit.waiting import wait_until

_FACT: TypeAdapter[str] = TypeAdapter(FactName)
_FORM_OVERHEAD_BYTES = 64 * 1024
_BYTES = {"type": "string", "format": "binary"}
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"*/*": {"schema": _BYTES}}}}
_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": _BYTES,
                    "fact": {"type": "string", "pattern": "^[a-z][a-z0-9_.]{0,79}$"},
                    "by": {"type": "string", "description": "JSON: role, id, name"},
                },
            },
            "example": {"file": "receipt.png", "fact": "evidence.payment_receipt"},
        }
    },
}
After = Annotated[str | None, Query(max_length=200, description="such as cases:17")]


def build_router(
    entities: Entities,
    handlers: Handlers,
    shelf: reads.Shelf,
    *,
    body_max_bytes: int,
    evidence_max_bytes: int,
) -> APIRouter:
    """The routes of `/v1/cases` and `/v1/imports`."""
    small = bounded(body_max_bytes)
    large = bounded(evidence_max_bytes + _FORM_OVERHEAD_BYTES, json=False)
    cases = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=small)
    grouped = Grouped(entities, Wishes(handlers.desk))
    _add_writes(cases, entities, grouped)
    _add_reads(cases, entities, shelf)
    files = APIRouter(prefix="/v1/cases", tags=["evidence"], route_class=large)
    _add_evidence(files, entities, handlers, shelf, evidence_max_bytes)
    imports = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=small)
    _add_imports(imports, grouped)
    router = APIRouter()
    router.include_router(imports)
    router.include_router(cases)
    router.include_router(files)
    return router


def _add_writes(router: APIRouter, entities: Entities, grouped: Grouped[Wish]) -> None:
    @router.post("", status_code=201)
    async def report_case(request: Request, report: Report) -> Response:
        """Report a problem. 201 for a new case, 200 for one known or joined as a contact."""
        return show_known(
            request, await grouped.post(request, _own(request, to_admit(report, _admitted)))
        )

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
    return Answer(201 if new else 200, _summary(done), place, done.case.subject)


def _heard(done: Done) -> Answer:
    body = {**_summary(done), "contact_id": str(done.case.contacts[-1].id)}
    return Answer(201, body, subject=done.case.subject)


def _add_evidence(
    router: APIRouter,
    entities: Entities,
    handlers: Handlers,
    shelf: reads.Shelf,
    max_bytes: int,
) -> None:
    @router.post("/{case_id}/evidence", status_code=201, openapi_extra={"requestBody": _FORM})
    async def add_evidence(request: Request, case_id: UUID) -> dict[str, Any]:
        """Send a file (multipart: `file`, and optionally `fact` and `by`).

        The same file again changes nothing, so this needs no `Idempotency-Key`: a repeated
        form has another boundary, and would look like another request.
        """
        upload = await _upload(request, max_bytes)
        fact, stated = _named(upload)
        by = _acting(request, stated)
        async with entities.transaction() as unit:
            done, file = await handlers.evidence(unit, case_id, upload, fact, by)
        return {
            **_summary(done),
            "fact": file.fact,
            "sha256": file.sha256,
            "media_type": file.media_type,
            "size": len(upload.content),
        }

    @router.get("/{case_id}/evidence/{sha256}", response_class=Response, responses=_FILE)
    async def read_evidence(case_id: UUID, sha256: str) -> Response:
        """A file that was sent, as it was; never to be shown inside a page."""
        kept, content = await shelf.file(case_id, sha256)
        headers = {
            "Content-Disposition": "attachment",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Response(content, media_type=kept.media_type, headers=headers)


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


async def _upload(request: Request, max_bytes: int) -> Upload:
    try:
        upload = read_upload(request.headers.get("content-type", ""), await request.body())
    except NotMultipart as error:
        raise Invalid("/file", str(error)) from error
    if len(upload.content) > max_bytes:
        raise HTTPException(413, f"the file is larger than {max_bytes} bytes")
    if not upload.content:
        raise Invalid("/file", "the file is empty")
    return upload


def _acting(request: Request, stated: Actor | None) -> Actor | None:
    said = None if stated is None else stated.model_dump(mode="json", exclude_none=True)
    by = acting(request, said)
    return None if by is None else Actor.model_validate(by)


def _named(upload: Upload) -> tuple[str | None, Actor | None]:
    fact, by = upload.fields.get("fact"), upload.fields.get("by")
    try:
        named = None if fact is None else _FACT.validate_python(fact)
    except ValidationError as error:
        raise Invalid("/fact", "not the name of a fact") from error
    try:
        return named, None if by is None else Actor.model_validate_json(by)
    except ValidationError as error:
        raise Invalid("/by", "not an actor such as {role, id, name}") from error
