"""What the notifier lets go of when a customer is erased, beside the stories of their cases.

Owns: nothing more is sent, no frozen message and no stated preference is left; what was planned
says on topic `deliveries` that it failed, and why. Runs under the cases' locks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from schemas.topics import DELIVERIES
from schemas.vocabulary import DeliveryStatus
from services.kit.entities import Decision, Entity
from services.kit.unit import Unit
from services.notifier import metrics
from services.notifier.core.vocabulary import Reason
from services.notifier.store import QUERIES, to_event


async def forget(unit: Unit, subject: UUID, entities: Sequence[Entity]) -> Collection[str]:
    """Let go of a customer's deliveries; satisfies the kit's `Forgets`."""
    cases = [entity.id for entity in entities]
    reason = Reason.SUBJECT_ERASED.value
    for row in await unit.conn.fetch(QUERIES["forget_planned"], cases, reason):
        entity = unit.entities[row["case_id"]]
        event = to_event(DeliveryStatus.FAILED, row, unit.now_for(entity))
        unit.apply(entity, Decision(None, ((DELIVERIES, event),)), row["id"])
        metrics.DELIVERIES.labels(channel=row["channel"], status=row["status"]).inc()
    await unit.conn.execute(QUERIES["forget_bodies"], cases)
    await unit.conn.execute(QUERIES["forget_recipient"], str(subject))
    return ()
