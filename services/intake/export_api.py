"""Intake's part of what a data subject is given: their cases, and the bytes of their files.

Owns the paths. What of a case is theirs is decided by `core/portable`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from schemas.export import ExportedCases
from services.intake.core.portable import portable
from services.intake.core.state import Case
from services.intake.evidence import Evidence
from services.intake.evidence_api import given
from services.kit.entities import Entity
from services.kit.exporting import Portable, build_export_router, nothing_beside
from services.kit.unit import Entities

_BYTES = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


def export_router(entities: Entities, evidence: Evidence) -> APIRouter:
    """The routes below `/v1/exports/intake`."""
    whole = Portable(ExportedCases, _item, nothing_beside)
    router = build_export_router("intake", entities, whole)

    @router.get(
        "/intake/{case_id}/evidence/{sha256}", response_class=Response, responses={200: _BYTES}
    )
    async def export_evidence(case_id: UUID, sha256: str) -> Response:
        """A file that the subject sent, as it was."""
        return await given(evidence, case_id, sha256)

    return router


async def _item(entity: Entity) -> dict[str, Any]:
    return portable(Case.from_bytes(entity.state or b"")).model_dump()
