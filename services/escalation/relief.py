"""Taking cases from agents who are absent or left: a loop that looks who holds what and is gone.

Owns the looking and its pace. What becomes of a case is the core's: it is free again, and where
its rung assigns, somebody else is given it in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.escalation import store
from services.escalation.core.assigning import Relieve
from services.escalation.core.availability import gone_from
from services.escalation.core.state import read_state
from services.escalation.handlers import LadderLogic
from services.kit.entities import Decided, Entity
from services.kit.unit import Entities, Unit

_BATCH: Final = 200
_REST_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Relief:
    """Any number of replicas may run it: who comes second finds the case free."""

    entities: Entities
    logic: LadderLogic

    async def step(self) -> float:
        """Relieve one batch; answers the seconds to rest."""
        gone = self._gone((await self.entities.now()).domain)
        held = await store.held_by(self.entities.db, gone, _BATCH) if gone else []
        if not held:
            return _REST_S
        async with self.entities.transaction() as unit:
            locked = await unit.lock(held)
            relieved = [self._relieve(unit, locked[id_], gone) for id_ in sorted(locked)]
            done = [each for each in relieved if each is not None]
            await self.logic.write(unit, done)
        return 0 if done else _REST_S

    async def busy(self, now: datetime) -> list[str]:
        """For the quiet report: whether somebody who is gone still holds a case."""
        gone = self._gone(now)
        held = await store.held_by(self.entities.db, gone, 1) if gone else []
        return ["cases held by agents who are gone"] if held else []

    def _gone(self, now: datetime) -> Sequence[str]:
        return sorted(gone_from(self.logic.staff.roster, now))

    def _relieve(self, unit: Unit, entity: Entity, gone: Sequence[str]) -> Decided | None:
        if entity.state is None:
            return None
        state = read_state(entity.state)
        holder = state.place.holder
        if holder is None or holder.staff_number not in gone:
            return None
        order = Relieve(staff_number=holder.staff_number)
        return self.logic.obey(unit, entity, state, order)
