"""The cases of one transaction: found, locked, decided about in order, written set-based.

Owns the order of locks: advisory ones first (identities and matters, sorted), then entities
(sorted by the kit), then those that are new. Decides nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from schemas.imports import Import
from schemas.report import CaseAddress, Report
from schemas.topics import CASES
from services.intake import incident_store, store
from services.intake.core.admit import admit
from services.intake.core.bring_in import bring_in
from services.intake.core.collapsing import matter_of
from services.intake.core.outcome import Outcome, Reason, Refused, erased
from services.intake.core.state import Case, Policies, Policy
from services.kit.entities import Decision
from services.kit.unit import Unit


@dataclass(slots=True)
class Working:
    """The cases at hand, as they are after everything decided so far in this transaction."""

    unit: Unit
    blind: store.Blind
    policies: Policies
    cases: dict[UUID, Case]
    identities: dict[bytes, UUID]
    matters: dict[bytes, list[UUID]]
    _told: list[tuple[UUID, Outcome]] = field(default_factory=list)
    _admitted: dict[bytes, UUID] = field(default_factory=dict)
    _left: set[UUID] = field(default_factory=set)
    _to_come: Counter[UUID] = field(default_factory=Counter)

    def now(self, case: Case | None = None) -> datetime:
        """Domain time; for a case never before its last instant."""
        entity = self.unit.entities.get(case.id) if case else None
        return self.unit.now_for(entity) if entity else self.unit.now

    def find(self, address: CaseAddress) -> Case | None:
        """The case that a message names; None while it is not known (or was erased)."""
        found = self._named(address)
        return self.cases.get(found) if found else None

    def was_erased(self, address: CaseAddress) -> bool:
        """Whether a message names a case whose customer was erased."""
        found = self._named(address)
        entity = self.unit.entities.get(found) if found else None
        return entity is not None and entity.erased

    def _named(self, address: CaseAddress) -> UUID | None:
        if address.case_id is not None:
            return address.case_id
        identity = self.blind.identity(address.source or "", address.external_id or "")
        return self.identities.get(identity)

    def admit(self, trigger: UUID, report: Report) -> Outcome | Refused:
        """Admit one report."""
        identity = self.blind.identity(report.source, report.external_id)
        known = self.identities.get(identity)
        subject = self.blind.subject_of(report)
        if self.unit.sealer.is_erased(subject) or (known is not None and known not in self.cases):
            return erased()
        matter = _matter_key(self.blind, report, self.policies.offered)
        near = self.matters.get(matter, []) if matter else []
        decide = partial(bring_in, report) if isinstance(report, Import) else partial(admit, report)
        outcome = decide(
            subject=subject,
            known=self.cases[known] if known else None,
            candidates=[self.cases[id_] for id_ in near if id_ in self.cases],
            policies=self.policies,
            now=self.now(),
        )
        if isinstance(outcome, Outcome) and outcome.reason is not Reason.KNOWN:
            self._note_admission(identity, matter, outcome.case.id)
            self.take(trigger, outcome)
        return outcome

    def take(self, trigger: UUID, outcome: Outcome | Refused) -> None:
        """Have an outcome written at the end; what follows in this transaction builds on it."""
        if isinstance(outcome, Refused):
            return
        before = self.cases.get(outcome.case.id)
        self.cases[outcome.case.id] = outcome.case
        if before is not None and before.incident is not None and outcome.case.incident is None:
            self._left.add(before.id)
        if outcome.events:
            self._told.append((trigger, outcome))
            self._to_come[outcome.case.id] += len(outcome.events)
        if outcome.opened is not None:
            self.take(trigger, outcome.opened)

    def reached(self, case_id: UUID) -> int:
        """Where a case's stream will stand once all that was taken so far is written."""
        entity = self.unit.entities.get(case_id)
        return (entity.position(CASES) if entity else 0) + self._to_come[case_id]

    def position(self, case: Case) -> str:
        """The same, as callers name it."""
        return f"{CASES}:{self.reached(case.id)}"

    async def write(self) -> None:
        """Apply every outcome in order, then write what lies beside the cases set-based."""
        changed = {outcome.case.id for _, outcome in self._told}
        await self.unit.lock(sorted(changed - self.unit.entities.keys()), create=True)
        for trigger, outcome in self._told:
            events = tuple((CASES, event) for event in outcome.events)
            decision = Decision(outcome.case.to_bytes(), events, subject=outcome.case.subject)
            self.unit.apply(self.unit.entities[outcome.case.id], decision, trigger)
        cases = [self.cases[id_] for id_ in changed]
        await store.save(self.unit.conn, cases, self._admitted, self.blind)
        await incident_store.leave(self.unit.conn, self._left, self.now())
        self._told.clear()
        self._to_come.clear()
        self._admitted.clear()
        self._left.clear()

    def _note_admission(self, identity: bytes, matter: bytes | None, case_id: UUID) -> None:
        self.identities[identity] = case_id
        self._admitted[identity] = case_id
        if matter is not None and case_id not in self.matters[matter]:
            self.matters[matter].append(case_id)


@dataclass(frozen=True, slots=True)
class Desk:
    """Begins the work of a transaction."""

    blind: store.Blind
    book: store.PolicyBook

    async def begin(
        self,
        unit: Unit,
        *,
        reports: Sequence[Report] = (),
        addresses: Sequence[CaseAddress] = (),
        ids: Iterable[UUID] = (),
    ) -> Working:
        """Lock and load every case that these may touch; time is read after the last lock."""
        await unit.sealer.load(map(self.blind.subject_of, reports), create=True)
        own = [self.blind.identity(report.source, report.external_id) for report in reports]
        offered = self.book.offered
        matter_keys = [
            key for report in reports if (key := _matter_key(self.blind, report, offered))
        ]
        await store.advise(unit.conn, [*own, *matter_keys])
        named = [
            self.blind.identity(address.source or "", address.external_id or "")
            for address in addresses
            if address.case_id is None
        ]
        found = await store.known(unit.conn, [*own, *named], matter_keys)
        direct = [address.case_id for address in addresses if address.case_id is not None]
        near = [case_id for about in found.matters.values() for case_id in about]
        cases = await _locked(unit, {*ids, *direct, *found.identities.values(), *near})
        policies = await self.book.covering(unit.conn, cases.values())
        return Working(unit, self.blind, policies, cases, found.identities, found.matters)


def _matter_key(blind: store.Blind, report: Report, offered: Sequence[Policy]) -> bytes | None:
    about = matter_of(report, offered)
    return None if about is None else blind.matter(about)


async def _locked(unit: Unit, wanted: set[UUID]) -> dict[UUID, Case]:
    entities = await unit.lock(wanted)
    if not wanted:
        await unit.look_at_the_clock()
    return {
        entity.id: Case.from_bytes(entity.state)
        for entity in entities.values()
        if entity.state is not None
    }
