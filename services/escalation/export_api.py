"""Escalation's part of what a data subject is given: how their cases were decided, and why.

Owns how it is put together: the explanation that everybody gets, and what one agent wrote for the
next. It names staff by number only.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from schemas.export import ExportedLadder, ExportedLadders
from services.escalation.core.explain import explain
from services.escalation.core.state import read_state
from services.escalation.store import PolicyBook
from services.kit.entities import Entity
from services.kit.exporting import Portable, build_export_router, nothing_beside
from services.kit.faults import Behind
from services.kit.unit import Entities


def export_router(entities: Entities, book: PolicyBook) -> APIRouter:
    """The route `/v1/exports/escalation`."""

    async def item(entity: Entity) -> dict[str, Any]:
        state = read_state(entity.state or b"")
        policy = book.find(state.policy.digest)
        if policy is None:
            raise Behind(f"policy {state.policy.digest}")
        return ExportedLadder(
            case_id=str(entity.id), brief=state.place.brief, explanation=explain(state, policy)
        ).model_dump()

    return build_export_router(
        "escalation", entities, Portable(ExportedLadders, item, nothing_beside)
    )
