"""Work on incidents, one transaction each: begin, tell, close; link a case and take it off again.

Owns the steps and the order of locks: the case first, then the incident. The core decides;
telling the cases is the teller's, so that an answer never waits for thousands of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from schemas.report import Actor
from services.intake import incident_store
from services.intake.core import incidents
from services.intake.core.incidents import NewIncident, Update, Words
from services.intake.core.outcome import Refusal
from services.intake.handlers import Done, finish, known, or_fault
from services.intake.incident_store import IncidentRecord, IncidentStore
from services.intake.working import Desk
from services.kit.faults import NotFound, Refused
from services.kit.unit import QUERIES as KIT_QUERIES
from services.kit.unit import Unit

TELLING_CHANNEL = "incidents"


@dataclass(frozen=True, slots=True)
class Said:
    """An update that was taken: its number, and how many cases are linked."""

    number: int
    cases: int


@dataclass(frozen=True, slots=True)
class Incidents:
    """The handlers of HTTP requests about incidents."""

    desk: Desk
    store: IncidentStore

    async def begin(self, unit: Unit, new: NewIncident) -> IncidentRecord:
        """A new incident, with its first update if it has one."""
        id_ = await self.store.add(unit.conn, new, unit.now)
        incident = await self._found(unit, id_, "lock_incident")
        words = new.words()
        if words is not None:
            await self._give(unit, incident, words)
            incident = await self._found(unit, id_)
        return incident

    async def tell(self, unit: Unit, id_: UUID, words: Words, *, last: bool = False) -> Said:
        """Take an update, for every case that is linked now; after the last one it is over.

        Raises `NotFound`, `Refused`.
        """
        incident = await self._found(unit, id_, "lock_incident")
        if incident.closed_at is not None:
            raise Refused(Refusal.INCIDENT_CLOSED, "the incident is over and takes no more updates")
        linked = await incident_store.count(unit.conn, incident)
        return Said(await self._give(unit, incident, words, last=last), linked.cases)

    async def link(self, unit: Unit, id_: UUID, case_id: UUID, by: Actor | None) -> Done:
        """Link a case and tell it the newest update. Raises `NotFound`, `Refused`."""
        work = await self.desk.begin(unit, ids=[case_id])
        case = known(work, case_id)
        record = await self._found(unit, id_, "share_incident")
        news = await self._news(unit, record, case_id)
        incident = record.for_cases()
        outcome = or_fault(incidents.link(case, incident, by, work.now(case), news))
        done = await finish(work, case, outcome)
        if outcome.events:
            await incident_store.link(unit.conn, incident, case_id, work.now(case))
        return done

    async def unlink(self, unit: Unit, id_: UUID, case_id: UUID, by: Actor | None) -> Done:
        """Take a case off; one that is not on it stays as it is. Raises `NotFound`."""
        work = await self.desk.begin(unit, ids=[case_id])
        case = known(work, case_id)
        await self._found(unit, id_)
        return await finish(work, case, incidents.unlink(case, id_, by, work.now(case)))

    async def _give(
        self, unit: Unit, incident: IncidentRecord, words: Words, *, last: bool = False
    ) -> int:
        """Keep an update and wake the tellers; answers its number."""
        number = await self.store.add_update(unit.conn, incident, words, unit.now, last=last)
        await unit.conn.execute(KIT_QUERIES["notify"], TELLING_CHANNEL)
        return number

    async def _news(self, unit: Unit, incident: IncidentRecord, case_id: UUID) -> Update | None:
        """The newest update; None where the case was told it when it was linked before."""
        if await incident_store.told(unit.conn, incident.id, case_id) >= incident.updates:
            return None
        ((newest, _),) = await self.store.updates(unit.conn, incident.id, incident.updates)
        return newest

    async def _found(self, unit: Unit, id_: UUID, statement: str = "incident") -> IncidentRecord:
        incident = await self.store.find(unit.conn, id_, statement)
        if incident is None:
            raise NotFound(f"no incident {id_}")
        return incident
