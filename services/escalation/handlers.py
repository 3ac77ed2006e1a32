"""Events and wake-ups: what the kit's consumer and timers ask of the ladder's engine.

Owns the translation between the pure engine and the kit. A case whose policy is not stored here
is parked and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID, uuid5

from schemas.case import CaseEvent, CaseOpened
from schemas.topics import ACTIONS, ESCALATIONS
from schemas.vocabulary import Role
from services.escalation import store
from services.escalation.core import engine, journal
from services.escalation.core.assigning import Assign, Order, find_holder, ordering, seeks_holder
from services.escalation.core.availability import staffed
from services.escalation.core.journal import Entry
from services.escalation.core.policy import Policy
from services.escalation.core.roster import Roster
from services.escalation.core.staffing import Staffing
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Decision as LadderDecision
from services.escalation.journal import Effects, write_entries
from services.escalation.staff import Staff
from services.escalation.store import PolicyBook, write_rows
from services.kit.entities import Decided, Decision, Entity, Incoming, Wake
from services.kit.faults import Poison, Postpone
from services.kit.unit import Unit


@dataclass(frozen=True, slots=True)
class LadderLogic:
    """What the kit's consumer and timers ask; satisfies `services.kit.entities.Logic`.

    The roster counts as it is known in this process; what it led to is written down.
    """

    book: PolicyBook
    staff: Staff

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision:
        """Decide about the next event of a case."""
        event = incoming.event
        if not isinstance(event, CaseEvent) or entity.erased:
            return unchanged(entity)
        state = read_state(entity.state) if entity.state is not None else None
        policy = self.policy_of(event, state)
        try:
            decision = engine.decide_event(
                state,
                event,
                event_id=incoming.id,
                recorded_at=incoming.recordedat,
                policy=policy,
                now=now,
                case_id=entity.id,
                staffing=self.staffing,
            )
        except engine.LadderUnknownError as error:
            raise Poison("not_opened", str(error)) from error
        subject = event.data_subject if isinstance(event, CaseOpened) else None
        entry = journal.of_event(event, incoming.id, incoming.recordedat, now, decision)
        return for_kit(decision, policy, entry, subject)

    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
        """Decide about what is due."""
        if entity.state is None:
            return Decision(None)
        state = read_state(entity.state)
        policy = self.pinned(state.policy.digest)
        decision = engine.decide_wake(
            state,
            policy,
            now,
            real_now=wake.real_now,
            stale=wake.stale,
            lateness_ms=wake.lateness_ms,
            staffing=self.staffing,
        )
        entry = None
        if not journal.changes_nothing(entity.state, decision):
            entry = journal.of_wake(
                wake.id,
                now,
                decision,
                real_now=wake.real_now,
                stale=wake.stale,
                lateness_ms=wake.lateness_ms,
            )
        return for_kit(decision, policy, entry)

    async def write(self, unit: Unit, decided: Sequence[Decided]) -> None:
        """Give cases to those whom the roster's rules name; write what all decisions leave."""
        told = [each for each in decided if each.decision.effects is not None]
        told += await self.give_out(unit, told)
        await write_rows(unit.conn, [each.decision.effects.decision for each in told])
        await write_entries(unit.conn, told)

    @property
    def staffing(self) -> Staffing:
        """Whether groups have anybody, as the roster says now."""
        return partial(staffed, self.staff.roster)

    async def give_out(self, unit: Unit, decided: Sequence[Decided]) -> list[Decided]:
        """Decide who is given the cases that seek a holder now."""
        latest = {each.entity.id: each for each in decided}
        seeking = [
            each
            for each in latest.values()
            if seeks_holder(each.decision.effects.decision.state, unit.now_for(each.entity))
        ]
        if not seeking:
            return []
        groups = {each.decision.effects.decision.state.place.owner_group for each in seeking}
        roster = self.staff.roster
        members = {agent.staff_number for group in groups for agent in roster.members(group)}
        loads = await store.loads(unit.conn, members)
        return [self._give_out(unit, each.entity, roster, loads) for each in seeking]

    def _give_out(
        self, unit: Unit, entity: Entity, roster: Roster, loads: dict[str, int]
    ) -> Decided:
        state, now = read_state(entity.state or b""), unit.now_for(entity)
        order = find_holder(state, self.pinned(state.policy.digest), roster, loads, now)
        if order.staff_number is not None:
            loads[order.staff_number] = loads.get(order.staff_number, 0) + 1
        return self.obey(unit, entity, state, order)

    def obey(self, unit: Unit, entity: Entity, state: LadderState, order: Order) -> Decided:
        """Carry out what the roster leads to; `state` is the entity's, and is used up."""
        policy, now = self.pinned(state.policy.digest), unit.now_for(entity)
        trigger = uuid5(entity.id, f"{order.command}:{entity.position(ESCALATIONS)}")
        number = order.staff_number if isinstance(order, Assign) else None
        named = self.staff.roster.agent(number) if number is not None else None
        decision = engine.decide_command(
            state,
            ordering(order, named.name if named else None),
            command_id=trigger,
            by_role=Role.SYSTEM,
            policy=policy,
            now=now,
            stale=True,  # what is due is the timers' business
            staffing=self.staffing,
        )
        entry = journal.of_order(order, trigger, now, decision, stale=True)
        return unit.apply(entity, for_kit(decision, policy, entry), trigger)

    def policy_of(self, event: CaseEvent, state: LadderState | None) -> Policy:
        """The policy that an event is decided under."""
        if state is not None:
            return self.pinned(state.policy.digest)
        if isinstance(event, CaseOpened):
            return self.pinned(event.policy.digest)
        raise Poison("not_opened", f"{event.event_name} came before case.opened")

    def pinned(self, digest: str) -> Policy:
        """The policy of a digest. Raises `Postpone` when it is not stored here."""
        policy = self.book.find(digest)
        if policy is None:
            raise Postpone("policy_unknown")
        return policy


def for_kit(
    decision: LadderDecision, policy: Policy, entry: Entry | None, subject: UUID | None = None
) -> Decision:
    """The engine's decision in the kit's shape."""
    return Decision(
        state=decision.document,
        events=(
            *((ESCALATIONS, event) for event in decision.events),
            *((ACTIONS, request) for request in decision.requests),
        ),
        wake_at=decision.wake_at,
        subject=subject,
        held_until=engine.held_until(decision.state, policy),
        effects=Effects(decision, entry),
    )


def unchanged(entity: Entity) -> Decision:
    """A decision that leaves everything as it is."""
    return Decision(None, wake_at=entity.wake_at, held_until=entity.held_until)
