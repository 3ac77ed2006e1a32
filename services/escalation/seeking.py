"""Looking again for holders when the roster has changed: somebody came back, or is new.

Owns the looking and its pace. Only rungs that give cases to people are looked at, the cases with
the next deadline first. Who is chosen is the core's to say; it is carried out as ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from services.escalation import store
from services.escalation.core.assigning import Seek, may_find_sooner
from services.escalation.core.roster import NOBODY, Roster
from services.escalation.core.state import read_state
from services.escalation.handlers import LadderLogic
from services.kit.entities import Decided, Entity
from services.kit.unit import Entities, Unit

_BATCH: Final = 200
_REST_S: Final = 2.0


@dataclass(slots=True)
class Seeking:
    """Any number of replicas may run it: who comes second finds the case held."""

    entities: Entities
    logic: LadderLogic
    _seen: Roster = field(default_factory=Roster)

    async def step(self) -> float:
        """Look through the groups in which somebody changed; answers the seconds to rest."""
        roster = self.logic.staff.roster
        assigning = self.logic.book.assigning()
        for group in self._groups(roster):
            rungs = {rung for rung, owner in assigning if owner == group}
            async for cases in self._waiting(group, rungs):
                await self._look(group, cases, roster)
        self._seen = roster
        return _REST_S

    def busy(self) -> list[str]:
        """For the quiet report: whether the roster changed and was not looked through yet."""
        return ["cases that may find a holder"] if self._groups(self.logic.staff.roster) else []

    def _groups(self, roster: Roster) -> Sequence[str]:
        if roster is self._seen:
            return ()
        assigned = {group for _, group in self.logic.book.assigning()}
        return sorted(assigned & roster.changed_groups(self._seen))

    async def _waiting(self, group: str, rungs: set[str]) -> AsyncIterator[Sequence[UUID]]:
        """The cases of a group on these rungs that nobody holds, batch by batch."""
        rows: list[Any] = []
        while True:
            after = (rows[-1]["next_due"], rows[-1]["case_id"]) if rows else None
            rows = await store.queue(self.entities.db, group, NOBODY, after, _BATCH)
            if not rows:
                return
            yield [row["case_id"] for row in rows if row["rung"] in rungs]

    async def _look(self, group: str, cases: Sequence[UUID], roster: Roster) -> None:
        if not cases:
            return
        async with self.entities.transaction() as unit:
            locked = await unit.lock(cases)
            members = [agent.staff_number for agent in roster.members(group)]
            loads = await store.loads(unit.conn, members)
            found = [self._again(unit, locked[id_], roster, loads) for id_ in sorted(locked)]
            await self.logic.write(unit, [each for each in found if each is not None])

    def _again(
        self, unit: Unit, entity: Entity, roster: Roster, loads: dict[str, int]
    ) -> Decided | None:
        if entity.state is None:
            return None
        state, now = read_state(entity.state), unit.now_for(entity)
        policy = self.logic.pinned(state.policy.digest)
        if not may_find_sooner(state, policy, roster, loads, now):
            return None
        return self.logic.obey(unit, entity, state, Seek())
