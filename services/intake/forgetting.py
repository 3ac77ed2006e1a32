"""What intake lets go of when a customer is erased, beside the documents of their cases.

Owns: blind indexes and files go, open cases are closed and say so on topic `cases`, with nothing
private. Runs under the cases' locks; the kit has taken their documents.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID, uuid5

from schemas.case import CaseClosed
from schemas.topics import CASES
from schemas.vocabulary import Role, Status
from services.intake import evidence_store
from services.intake.store import QUERIES
from services.kit.entities import Decision, Entity
from services.kit.unit import Unit

_TRIGGER: Final = "erased"


async def forget(unit: Unit, subject: UUID, entities: Sequence[Entity]) -> Collection[str]:
    """Let go of a customer's cases; satisfies the kit's `Forgets`."""
    cases = [entity.id for entity in entities]
    await evidence_store.forget(unit.conn, cases)
    for row in await unit.conn.fetch(QUERIES["forget_cases"], cases, unit.now):
        closed = CaseClosed(status=Status.CLOSED, episode=row["episode"], by_role=Role.OPS)
        decision = Decision(None, ((CASES, closed),))
        unit.apply(unit.entities[row["case_id"]], decision, uuid5(row["case_id"], _TRIGGER))
    return ()
