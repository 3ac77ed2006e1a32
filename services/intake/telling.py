"""Telling an incident's update to its cases, batch by batch, behind the request that gave it.

Owns the loop. An update is in a case's stream, and marked as told, in one transaction: once per
case, whatever dies in between and however many replicas work. Where a case knows several updates
not yet, it is told them one after another, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from services.intake import incident_store, metrics
from services.intake.core.incidents import Incident, Update, tell
from services.intake.incident_store import IncidentStore
from services.intake.working import Desk
from services.kit.unit import Entities, Unit

_BATCH: Final = 200
_IDLE_S: Final = 5.0


@dataclass(slots=True)
class Teller:
    """Tells what is to be told; any number of replicas may run one."""

    entities: Entities
    desk: Desk
    store: IncidentStore
    batch: int = _BATCH
    told: int = field(default=0, init=False)

    async def step(self) -> float:
        """Tell one batch of one incident; answers the seconds to rest (0: there may be more)."""
        async with self.entities.transaction() as unit:
            incident = await incident_store.claim(unit.conn)
            if incident is None:
                return _IDLE_S
            wanted = await incident_store.untold(unit.conn, incident, self.batch)
            if not wanted:
                await incident_store.end_telling(unit.conn, incident)
                return 0
            told = await self._tell(unit, incident, wanted)
        self.told += told
        metrics.INCIDENT_UPDATES.inc(told)
        return 0

    async def busy(self, _: datetime) -> tuple[list[str], dict[str, int]]:
        """Incidents with something to tell, and a counter that moves with work done."""
        telling = await incident_store.telling(self.entities.db)
        return ([f"incidents to tell: {telling}"] if telling else []), {"told": self.told}

    async def _tell(self, unit: Unit, incident: Incident, wanted: Sequence[UUID]) -> int:
        work = await self.desk.begin(unit, ids=wanted)
        following = await incident_store.next_of(unit.conn, incident, wanted)
        updates = await self._updates(unit, incident, following.values())
        telling = [id_ for id_ in sorted(following) if id_ in work.cases]
        for case_id in telling:
            case, update = work.cases[case_id], updates[following[case_id]]
            # Its id says which update of which incident: the same whoever tells it, and when.
            trigger = uuid5(case_id, f"incident:{incident.id}:{update.number}")
            work.take(trigger, tell(case, incident, update, work.now(case)))
        await incident_store.mark_told(unit.conn, incident, telling)
        # Whose customer was erased can be told nothing any more.
        await incident_store.leave(unit.conn, following.keys() - work.cases.keys(), work.now())
        await work.write()
        return len(telling)

    async def _updates(
        self, unit: Unit, incident: Incident, numbers: Iterable[int]
    ) -> dict[int, Update]:
        first = min(numbers, default=incident.updates)
        found = await self.store.updates(unit.conn, incident.id, first)
        return {update.number: update for update, _ in found}
