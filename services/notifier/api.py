"""HTTP of the notifier: deliveries, recipients, the inbox. Thin: parse, call, answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Request
from pydantic import Field
from sse_starlette import EventSourceResponse

from services.kit.audit.reading import shown, shown_now
from services.kit.http import page, position_in
from services.kit.unit import Entities
from services.kit.waiting import wait_until
from services.notifier.core.recipient import Preferences
from services.notifier.inbox import Inbox
from services.notifier.recipients import Recipients
from services.notifier.store import QUERIES, recipient_of, subject_of

RecipientId = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f/]+$")]
_MESSAGE = (
    "id: 3c9d5a0e-5a55-5f3e-9d7c-0a5f3a1f2b11\nevent: message\n"
    'data: {"template": "case_received", "subject": "...", "text": "...", "read": false}\n\n'
)
_INBOX = "/v1/recipients/{recipient_id}/inbox"
_STREAM: dict[str, Any] = {
    "response_class": EventSourceResponse,
    "responses": {200: {"content": {"text/event-stream": {"example": _MESSAGE}}}},
}
_SHOWN = (
    "id", "key", "case_id", "event_id", "recipient", "channel", "template", "status", "attempts",
    "reason", "planned_at", "sent_at",
)  # fmt: skip


def router(entities: Entities, recipients: Recipients, inbox: Inbox) -> APIRouter:
    """The notifier's routes."""
    routes = APIRouter()
    _add_recipients(routes, entities, recipients)
    _add_inbox(routes, entities, inbox)

    @routes.get("/v1/deliveries", summary="Deliveries in the order of their planning")
    async def deliveries(
        request: Request,
        case_id: UUID | None = None,
        cursor: str | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        after: str | None = None,
    ) -> dict[str, Any]:
        if case_id is not None and after is not None:
            await wait_until(entities, case_id, after)
        found = await _page(entities, case_id, position_in(cursor, 0), limit)
        shown(request, {row["case_id"] for row in found["items"]})
        return found

    return routes


def _add_recipients(routes: APIRouter, entities: Entities, recipients: Recipients) -> None:
    @routes.get("/v1/recipients/{recipient_id}", summary="How a recipient is told")
    async def read_recipient(request: Request, recipient_id: RecipientId) -> dict[str, Any]:
        _shown_person(request, entities, recipient_id)
        return await recipients.read(recipient_id)

    @routes.put("/v1/recipients/{recipient_id}", summary="How a recipient wants to be told")
    async def put_recipient(
        request: Request, recipient_id: RecipientId, stated: Annotated[Preferences, Body()]
    ) -> dict[str, Any]:
        _shown_person(request, entities, recipient_id)
        return await recipients.put(recipient_id, stated)


def _add_inbox(routes: APIRouter, entities: Entities, inbox: Inbox) -> None:
    @routes.get(_INBOX, summary="The inbox, as a live stream", **_STREAM)
    async def read_inbox(
        request: Request,
        recipient_id: RecipientId,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> EventSourceResponse:
        recipient = recipient_of(entities.sealer, recipient_id)

        async def note(cases: Iterable[UUID]) -> None:
            await shown_now(request, cases)

        return EventSourceResponse(inbox.stream(recipient, last_event_id, note))

    @routes.post("/v1/recipients/{recipient_id}/inbox/{delivery_id}/read", summary="It was read")
    async def read_message(
        request: Request, recipient_id: RecipientId, delivery_id: UUID
    ) -> dict[str, Any]:
        recipient = recipient_of(entities.sealer, recipient_id)
        found = await inbox.read(recipient, delivery_id)
        shown(request, [found["case_id"]])
        return _shown(found)


def _shown_person(request: Request, entities: Entities, recipient_id: str) -> None:
    recipient = recipient_of(entities.sealer, recipient_id)
    shown(request, subjects=[subject_of(entities.sealer, recipient)])


async def _page(
    entities: Entities, case_id: UUID | None, position: int, limit: int
) -> dict[str, Any]:
    if case_id is None:
        rows = await entities.db.fetch(QUERIES["of_all"], position, limit + 1)
    else:
        rows = await entities.db.fetch(QUERIES["of_case"], case_id, position, limit + 1)
    more = rows[limit - 1]["pos"] if len(rows) > limit else None
    return page([_shown(row) for row in rows[:limit]], more)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN}
