"""`GET /v1/exports/{service}`: a data subject is given theirs, page by page.

Owns whose it is (named by subject, customer or case), the pages and their order, and what is
answered about somebody who was erased. What an entity holds of them is told by the service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from services.kit.audit.reading import shown
from services.kit.entities import Entity
from services.kit.faults import Invalid, NotFound
from services.kit.http import id_in, page, problem
from services.kit.identity.access import CUSTOMER, OPS, Access, Rule
from services.kit.identity.things import OwnList
from services.kit.rows import to_entity
from services.kit.sealing import Sealer
from services.kit.sql import Queries
from services.kit.unit import QUERIES as KIT
from services.kit.unit import Entities

QUERIES: Final = Queries(Path(__file__).with_name("exporting.sql"))
_ALL: Final = frozenset({"everything"})
Limit = Annotated[int, Query(ge=1, le=200)]


@dataclass(frozen=True, slots=True)
class Portable:
    """How a service gives a subject theirs: an item for each entity, and what is beside them.

    `page` is the model of an answer.
    """

    page: type[BaseModel]
    item: Callable[[Entity], Awaitable[dict[str, Any]]]
    beside: Callable[[UUID], Awaitable[dict[str, Any]]]


async def nothing_beside(_: UUID) -> dict[str, Any]:
    """Of a service that holds nothing beside its entities."""
    return {}


def export_access(service: str) -> Access:
    """Who may have a subject's data: ops for anybody, a customer their own."""
    own = Rule(OPS, CUSTOMER, OwnList("customer"), shows=_ALL)
    return Access({f"GET /v1/exports/{service}": own})


def build_export_router(service: str, entities: Entities, portable: Portable) -> APIRouter:
    """The route of one service."""
    router = APIRouter(prefix="/v1/exports", tags=["exports"])
    operation = f"export_of_{service}"

    @router.get(
        f"/{service}",
        response_model=portable.page,
        operation_id=operation,
        responses={404: {}, 410: {}},
    )
    async def export_subject(
        request: Request,
        subject: UUID | None = None,
        customer: Annotated[str | None, Query(max_length=200)] = None,
        case_id: UUID | None = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Limit = 50,
    ) -> Any:
        """All that is held about one data subject, by case; 410 where they were erased."""
        whose = await _whose(entities, subject, customer, case_id)
        if await _is_erased(entities.sealer, whose):
            return _erased()
        found = await _page(entities, portable, whose, id_in(cursor), limit)
        shown(request, [UUID(item["case_id"]) for item in found["items"]], [whose])
        taken_at = (await entities.now()).real.isoformat()
        return {"subject": str(whose), "service": service, "taken_at": taken_at, **found}

    return router


async def _whose(
    entities: Entities, subject: UUID | None, customer: str | None, case_id: UUID | None
) -> UUID:
    """The one subject that all of what is given names."""
    named = {subject} - {None}
    if customer is not None:
        named.add(entities.sealer.subject_of("customer", customer))
    if case_id is not None:
        row = await entities.db.fetchrow(KIT["owner"], case_id)
        named.add(row["subject"] if row else None)
    if not named:
        raise Invalid("/subject", "name a subject, a customer or a case")
    whose = named.pop()
    if named or whose is None:
        raise NotFound("nothing is held about such a subject")
    return whose


async def _is_erased(sealer: Sealer, subject: UUID) -> bool:
    """Raises `NotFound` where the subject never had a key: nothing was ever sealed for them."""
    erased = await sealer.was_erased(subject)
    if erased is None:
        raise NotFound("nothing is held about such a subject")
    return erased


def _erased() -> Response:
    title = "The personal data of this subject was erased: nothing is left to give"
    return problem(410, "erased", title, reason="erased")


async def _page(
    entities: Entities, portable: Portable, subject: UUID, after: UUID, limit: int
) -> dict[str, Any]:
    rows = await entities.db.fetch(QUERIES["entities_of_subject"], subject, after, limit + 1)
    await entities.sealer.load([subject])
    read = [to_entity(row, entities.streams, entities.sealer) for row in rows[:limit]]
    items = [await portable.item(entity) for entity in read if entity.state is not None]
    following = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return {**page(items, following), **await portable.beside(subject)}
