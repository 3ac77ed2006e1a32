"""Taking cases from agents who are absent: a loop that looks who holds cases and is not there.

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
from services.escalation.core.availability import is_absent
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
        absent = self.absent((await self.entities.now()).domain)
        held = await store.held_by(self.entities.db, absent, _BATCH) if absent else []
        if not held:
            return _REST_S
        async with self.entities.transaction() as unit:
            locked = await unit.lock(held)
            relieved = [self._relieve(unit, locked[id_], absent) for id_ in sorted(locked)]
            await self.logic.write(unit, [each for each in relieved if each is not None])
        return 0

    def absent(self, now: datetime) -> Sequence[str]:
        """The staff numbers of those who are absent now."""
        agents = self.logic.staff.roster.agents.values()
        return sorted(agent.staff_number for agent in agents if is_absent(agent, now))

    async def busy(self, now: datetime) -> tuple[list[str], dict[str, int]]:
        """For the quiet report: whether somebody absent still holds a case."""
        absent = self.absent(now)
        held = await store.held_by(self.entities.db, absent, 1) if absent else []
        return (["cases held by absent agents"] if held else []), {}

    def _relieve(self, unit: Unit, entity: Entity, absent: Sequence[str]) -> Decided | None:
        if entity.state is None:
            return None
        holder = read_state(entity.state).place.holder
        if holder is None or holder.staff_number not in absent:
            return None
        return self.logic.obey(unit, entity, Relieve(staff_number=holder.staff_number))
