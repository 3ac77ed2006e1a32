"""The notifier's part of what a data subject is given: every message to them, as it was sent.

Owns how it is put together. Messages to staff about their cases are not theirs, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from schemas.export import ExportedConversation, ExportedMessage
from services.kit.entities import Entity
from services.kit.exporting import Portable, build_export_router
from services.kit.unit import Entities
from services.notifier.channels.outgoing import Outgoing
from services.notifier.store import QUERIES, read_preferences


def export_router(entities: Entities) -> APIRouter:
    """The route `/v1/exports/notifier`."""
    sealer = entities.sealer

    async def item(entity: Entity) -> dict[str, Any]:
        rows = await entities.db.fetch(QUERIES["to_subject"], entity.id, str(entity.subject))
        await sealer.load({row["subject"] for row in rows})
        messages = []
        for row in rows:
            said = row["body"] and sealer.open(row["subject"], row["body"], row["id"].bytes)
            messages.append(_message(row, Outgoing.model_validate_json(said) if said else None))
        return {"case_id": str(entity.id), "messages": messages}

    async def beside(subject: UUID) -> dict[str, Any]:
        name = str(subject)
        stated = (await read_preferences(entities.db, sealer, [name])).get(name)
        return {"preferences": stated.model_dump(mode="json") if stated else None}

    return build_export_router("notifier", entities, Portable(ExportedConversation, item, beside))


def _message(row: Mapping[str, Any], said: Outgoing | None) -> ExportedMessage:
    """A message that was never sent, or whose text is no longer kept, has none."""
    return ExportedMessage(
        id=str(row["id"]),
        template=row["template"],
        channel=row["channel"],
        status=row["status"],
        reason=row["reason"],
        planned_at=row["planned_at"].isoformat(),
        sent_at=row["sent_at"].isoformat() if row["sent_at"] else None,
        address=said.address if said else None,
        language=said.language if said else None,
        subject=said.subject if said else None,
        text=said.text if said else None,
    )
