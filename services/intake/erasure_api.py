"""Intake's HTTP about erasures: `/v1/erasures`. Parses, calls, answers; decides nothing.

Owns paths, parameters and status codes. A request has no stored answer, which would outlive it:
asking twice is refused with the request that waits, confirming twice with who confirmed.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from services.intake.bounds import bounded
from services.intake.core.erasures import AskErasure, ConfirmErasure
from services.intake.erasing import Erasing


def erasure_router(erasing: Erasing, body_max_bytes: int) -> APIRouter:
    """The routes of `/v1/erasures`."""
    router = APIRouter(
        prefix="/v1/erasures", tags=["erasures"], route_class=bounded(body_max_bytes)
    )

    @router.post("", status_code=201, responses={404: {}})
    async def ask_erasure(wanted: AskErasure) -> dict[str, Any]:
        """Ask to erase a data subject; another person confirms it within three days.

        Refused with `open_cases` where cases are not over, unless `force_open_cases`.
        """
        return await erasing.ask(wanted)

    @router.post("/{erasure_id}/confirm")
    async def confirm_erasure(erasure_id: UUID, agreed: ConfirmErasure) -> dict[str, Any]:
        """Confirm as a second person: the subject's key is destroyed before this answers."""
        return await erasing.confirm(erasure_id, agreed.by.id)

    @router.get("")
    async def find_erasures(
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """Who asked for what and who confirmed it, newest first."""
        return await erasing.page(cursor, limit)

    @router.get("/{erasure_id}")
    async def read_erasure(erasure_id: UUID) -> dict[str, Any]:
        """One erasure: `done` once every service has let go."""
        return await erasing.one(erasure_id)

    return router
