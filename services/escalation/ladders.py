"""Commands on ladders, under the case's lock, and reads of them: the work behind HTTP.

Owns the steps; the engine decides. Refusals become the kit's faults here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from schemas.topics import ESCALATIONS
from services.escalation import store
from services.escalation.core import engine
from services.escalation.core.action_views import action_views
from services.escalation.core.availability import known_agents
from services.escalation.core.commands import (
    Command,
    CommandRefusedError,
    HandOver,
    Migrate,
    RequestAction,
)
from services.escalation.core.explain import explain
from services.escalation.core.journal import of_command
from services.escalation.core.migrating import migrating, simulation_token
from services.escalation.core.migration_view import simulate
from services.escalation.core.obeying import carrying_out
from services.escalation.core.policy import Policy
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Turn
from services.escalation.core.views import ladder_view
from services.escalation.handlers import LadderLogic, for_kit
from services.escalation.journal import export
from services.escalation.silence import silent_cases
from services.kit.entities import Entity
from services.kit.faults import Behind, Erased, Invalid, NotFound, Refused
from services.kit.http import decode_cursor, page
from services.kit.unit import Entities, Unit

CarryOut = Callable[[Turn], None]


@dataclass(frozen=True, slots=True)
class Ladders:
    """Everything that HTTP may ask of a ladder."""

    entities: Entities
    logic: LadderLogic
    stale_after: timedelta

    async def obey(self, unit: Unit, case_id: UUID, command: Command) -> tuple[Entity, Any]:
        """Carry a command out; answers the entity and the ladder after it.

        Raises `NotFound`, or `Refused` with the reason.
        """
        entity = _known((await unit.lock([case_id])).get(case_id), case_id)
        state = read_state(entity.state or b"")
        policy = self._policy(state)
        carry_out = self._carry_out(entity, command, unit.now)
        # Unique: a ladder's position moves with every command that leads to an event.
        trigger = uuid5(case_id, f"http:{entity.position(ESCALATIONS)}")
        stale = bool(await silent_cases(unit, [entity], self.stale_after))
        now = unit.now_for(entity)
        try:
            decision = engine.decide_command(
                state,
                carry_out,
                command_id=trigger,
                by_role=command.by.role,
                policy=policy,
                now=now,
                stale=stale,
                staffing=self.logic.staffing,
            )
        except CommandRefusedError as refusal:
            raise Refused(refusal.reason.value, refusal.detail, refusal.extra) from refusal
        entry = of_command(command, trigger, now, decision, stale=stale)
        decided = unit.apply(entity, for_kit(decision, policy, entry), trigger)
        await self.logic.write(unit, [decided])
        # What was given out while writing is part of the answer.
        after = read_state(entity.state or b"")
        view = ladder_view(after, self._policy(after))
        if isinstance(command, RequestAction):
            view["action_id"] = str(decision.state.actions[-1].id)
        return entity, _with_position(view, entity)

    def _carry_out(self, entity: Entity, command: Command, now: datetime) -> CarryOut:
        if isinstance(command, Migrate):
            target = self.logic.book.find(command.to)
            token = simulation_token(entity.id, entity.position(ESCALATIONS), command.to)
            return migrating(command, target, token)
        agents = known_agents(self.logic.staff.roster, _named(command), now)
        return carrying_out(command, agents)

    async def simulate_migration(self, case_id: UUID, to: str) -> dict[str, Any]:
        """What `migrate` would do to the case as it stands now, and the token that allows it."""
        entity, state, policy = await self._read(case_id)
        target = self.logic.book.find(to)
        if target is None:
            raise NotFound("no such policy")
        token = simulation_token(case_id, entity.position(ESCALATIONS), to)
        now = (await self.entities.now()).domain
        try:
            found = simulate(state, policy, target, max(now, entity.last_at or now))
        except CommandRefusedError as refusal:
            raise Refused(refusal.reason.value, refusal.detail, refusal.extra) from refusal
        return _with_position({"case_id": str(case_id), "simulation": token, **found}, entity)

    async def view(self, case_id: UUID) -> dict[str, Any]:
        """The ladder of a case."""
        entity, state, policy = await self._read(case_id)
        return _with_position(ladder_view(state, policy), entity)

    async def actions(self, case_id: UUID) -> dict[str, Any]:
        """What other backends were asked to do for a case."""
        _, state, policy = await self._read(case_id)
        return page(action_views(state, policy), None)

    async def explain(self, case_id: UUID) -> dict[str, Any]:
        """Why the ladder is where it is."""
        entity, state, policy = await self._read(case_id)
        return _with_position(explain(state, policy), entity)

    async def export(self, case_id: UUID) -> dict[str, Any]:
        """The journal of a case with its policy: all that `explain` follows from."""
        _, state, policy = await self._read(case_id)
        found = await export(self.entities.db, state, policy.calendar_digests())
        return found.model_dump(mode="json", exclude_none=True)

    async def _read(self, case_id: UUID) -> tuple[Entity, LadderState, Policy]:
        entity = _known(await self.entities.read(case_id), case_id)
        state = read_state(entity.state or b"")
        return entity, state, self._policy(state)

    def _policy(self, state: LadderState) -> Policy:
        policy = self.logic.book.find(state.policy.digest)
        if policy is None:
            raise Behind(f"policy {state.policy.digest}")
        return policy

    async def queue(
        self, group: str, holder: str | None, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        """A page of a group's cases by their next deadline."""
        after = _queue_cursor(cursor)
        rows = await store.queue(self.entities.db, group, holder, after, limit + 1)
        more = len(rows) > limit
        rows = rows[:limit]
        last = rows[-1] if more else None
        following = None if last is None else [_text(last["next_due"]), str(last["case_id"])]
        return page([_queue_item(row) for row in rows], following)


def _named(command: Command) -> list[str]:
    """The staff numbers that a command is about."""
    return [command.by.id, *([command.to_agent] if isinstance(command, HandOver) else [])]


def _known(entity: Entity | None, case_id: UUID) -> Entity:
    if entity is not None and entity.erased:
        raise Erased
    if entity is None or entity.state is None:
        raise NotFound(f"no ladder of case {case_id}")
    return entity


def _with_position(view: dict[str, Any], entity: Entity) -> dict[str, Any]:
    return {**view, "position": f"{ESCALATIONS}:{entity.position(ESCALATIONS)}"}


def _queue_item(row: Any) -> dict[str, Any]:
    instants = {name: _text(row[name]) for name in ("next_due", "overdue_since")}
    return {**dict(row), "case_id": str(row["case_id"]), **instants}


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _queue_cursor(cursor: str | None) -> tuple[datetime | None, UUID] | None:
    if cursor is None:
        return None
    try:
        due, case_id = decode_cursor(cursor)
        return (datetime.fromisoformat(due) if due else None), UUID(case_id)
    except (ValueError, TypeError) as error:
        raise Invalid("/cursor", "not a cursor that a list of ours has given") from error
