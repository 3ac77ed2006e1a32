"""What escalation lets go of when a customer is erased, beside the documents of their ladders.

Owns: no wake-up, no line in a queue, no shadow is left of a case; a ladder that ran says on topic
`escalations` that it stopped, with nothing private. Runs under the cases' locks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from schemas.escalation import LadderStopped
from schemas.topics import ESCALATIONS
from schemas.vocabulary import StopReason
from services.escalation.core.journal import Entry, of_erasure
from services.escalation.journal import write_noted
from services.escalation.store import QUERIES, PolicyBook
from services.kit.entities import Decided, Decision, Entity
from services.kit.unit import Unit

_TRIGGER: Final = "erased"


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Satisfies the kit's `Forgets`. A rung's path is the policy's to say."""

    book: PolicyBook

    async def __call__(
        self, unit: Unit, subject: UUID, entities: Sequence[Entity]
    ) -> Collection[str]:
        """Let go of a customer's ladders; answers the ids of the actions asked for them."""
        cases = [entity.id for entity in entities]
        await unit.conn.execute(QUERIES["forget_shadows"], cases)
        running = await unit.conn.fetch(QUERIES["forget_lines"], cases)
        await write_noted(unit.conn, [self._stop(unit, row) for row in running])
        actions = await unit.conn.fetch(QUERIES["actions_of"], cases)
        return [str(row["action_id"]) for row in actions]

    def _stop(self, unit: Unit, row: Any) -> tuple[Decided, Entry]:
        entity, trigger = unit.entities[row["case_id"]], uuid5(row["case_id"], _TRIGGER)
        decision = Decision(None, ((ESCALATIONS, self._stopped(row)),))
        entry = of_erasure(trigger, unit.now_for(entity), row["episode"])
        return unit.apply(entity, decision, trigger), entry

    def _stopped(self, row: Any) -> LadderStopped:
        policy = self.book.find(row["policy"] or "")
        rung = policy.rungs.get(row["rung"]) if policy else None
        return LadderStopped(
            episode=row["episode"],
            rung=row["rung"],
            path=rung.path if rung else "",
            visit=row["visit"],
            owner_group=row["owner_group"],
            reason=StopReason.CLOSED,
        )
