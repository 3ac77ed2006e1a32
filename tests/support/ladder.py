"""Drives one case's ladder through the pure engine, as the shell would.

Keeps the document as bytes between triggers and collects every event, so that a test reads like
the story of a case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from schemas.actions import FOREIGN_ANSWERS, ActionEvent
from schemas.case import CaseEvent, PackPin
from schemas.case_events import CASE_EVENTS
from schemas.escalation import LadderEvent
from schemas.vocabulary import Role, Status
from services.escalation.core.action_views import action_views
from services.escalation.core.assigning import Order, ordering
from services.escalation.core.commands import COMMAND, Command, Migrate
from services.escalation.core.engine import (
    decide_answer,
    decide_command,
    decide_event,
    decide_wake,
)
from services.escalation.core.journal import (
    Entry,
    Journal,
    changes_nothing,
    journal,
    of_answer,
    of_command,
    of_event,
    of_order,
    of_wake,
)
from services.escalation.core.migrating import migrating, simulation_token
from services.escalation.core.obeying import carrying_out
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.replay import said_by
from services.escalation.core.roster import KnownAgents
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Decision, Turn
from services.escalation.core.views import ladder_view
from services.packs import DEFAULT_PACK, canonical, load_pack, pinned
from services.policy.trial import STATUS_AFTER

CASE = UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")
STATUTORY = Path(__file__).parents[1] / "data" / "packs" / "statutory"
EVENTS = {event.event_name: event for event in CASE_EVENTS}


@lru_cache(maxsize=1)
def wallet_policy() -> Policy:
    """The shipped pack, compiled."""
    loaded = load_pack(DEFAULT_PACK)
    return compile_policy(loaded.pack, loaded.digest)


@lru_cache(maxsize=1)
def statutory_policy() -> Policy:
    """The pack with statutory clocks and both meanings of "next update", compiled."""
    loaded = load_pack(STATUTORY)
    return compile_policy(loaded.pack, loaded.digest)


def changed_rung(name: str, **changes: Any) -> Policy:
    """The shipped pack with one rung changed."""
    pack = wallet_policy().pack
    rungs = tuple(
        rung.model_copy(update=changes) if rung.name == name else rung for rung in pack.ladder.rungs
    )
    ladder = pack.ladder.model_copy(update={"rungs": rungs})
    loaded = pinned(pack.model_copy(update={"ladder": ladder}))
    return compile_policy(loaded.pack, loaded.digest)


def at(text: str) -> datetime:
    """An instant in Shanghai, as "2026-11-20 09:58"."""
    return datetime.fromisoformat(text.replace(" ", "T") + "+08:00")


class Ladder:
    """One case: `event`, `wake`, `command` are its triggers; `events` all that came out."""

    def __init__(self, policy: Policy | None = None, case_id: UUID = CASE) -> None:
        self.policy = policy or wallet_policy()
        self.case_id = case_id
        self.document: bytes | None = None
        self.now = at("2026-11-20 09:58")
        self.real_now = self.now
        self.recorded_at = self.now
        self.status = Status.OPEN
        self.events: list[LadderEvent] = []
        self.decisions: list[Decision] = []
        self.entries: list[Entry] = []
        self.triggers = 0
        self.requests: list[ActionEvent] = []
        self._target: Policy | None = None
        self.earlier: list[Policy] = []
        """The policies under which the case was before."""
        self.absent_groups: set[str] = set()
        """The groups that have nobody, by the roster of this test."""

    @property
    def state(self) -> LadderState:
        assert self.document is not None
        return read_state(self.document)

    @property
    def wake_at(self) -> datetime | None:
        return self.decisions[-1].wake_at

    def open(self, when: str = "2026-11-20 09:58", **fields: Any) -> Decision:
        """The case of the walkthrough: money not received, reported on a Friday."""
        instant = at(when)
        opening: dict[str, Any] = {
            "data_subject": uuid5(self.case_id, "subject"),
            "category": "funds_not_received",
            "severity": "normal",
            "lane": "ordinary",
            "policy": PackPin(
                name=self.policy.pack.name,
                version=self.policy.pack.version,
                digest=self.policy.digest,
            ),
            "channel": "phone",
            "occurred_at": instant,
            "started_at": instant,
        }
        return self.event("case.opened", instant, **{**opening, **fields})

    def event(self, name: str, recorded: datetime | str, **fields: Any) -> Decision:
        """One event of topic `cases`, decided when it is recorded or later (`self.now`)."""
        recorded_at = at(recorded) if isinstance(recorded, str) else recorded
        self.now = max(self.now, recorded_at)
        self.recorded_at = recorded_at
        self.status = Status(fields.pop("status", _status_after(name, self.status)))
        event: CaseEvent = EVENTS[name].model_validate({"status": self.status, **fields})
        event_id = self._next_id(name)
        decision = decide_event(
            read_state(self.document) if self.document else None,
            event,
            event_id=event_id,
            recorded_at=recorded_at,
            policy=self.policy,
            now=self.now,
            case_id=self.case_id,
            staffing=self.staffing,
        )
        entry = of_event(event, event_id, recorded_at, self.now, decision)
        return self._keep(decision, entry)

    def wake(self, when: datetime | str | None = None, *, stale: bool = False) -> Decision:
        """A wake-up at an instant, else at `wake_at`."""
        instant = at(when) if isinstance(when, str) else when or self.wake_at
        assert instant is not None
        assert self.document is not None
        self.now = max(self.now, instant)
        wake_id = self._next_id("wake")
        decision = decide_wake(
            read_state(self.document),
            self.policy,
            self.now,
            real_now=self.real_now,
            stale=stale,
            lateness_ms=0,
            staffing=self.staffing,
        )
        entry = of_wake(
            wake_id, self.now, decision, real_now=self.real_now, stale=stale, lateness_ms=0
        )
        return self._keep(decision, None if changes_nothing(self.document, decision) else entry)

    def run_until(self, when: str | datetime) -> None:
        """Wakes the case at every instant it asks for, as the clock moves to `when`."""
        until = when if isinstance(when, datetime) else at(when)
        while self.wake_at is not None and self.wake_at <= until:
            before = self.document
            self.wake()
            if self.document == before:
                break  # what is due is nobody's but the roster's: see `order`
        self.now = max(self.now, until)

    def command(
        self,
        name: str,
        when: str | None = None,
        *,
        by: str = "A1024",
        role: str = "agent",
        agents: KnownAgents | None = None,
        **fields: Any,
    ) -> Decision:
        """A command by an agent, or by the customer."""
        if when is not None:
            self.now = max(self.now, at(when))
        assert self.document is not None
        body: Mapping[str, Any] = {"command": name, "by": {"role": role, "id": by}, **fields}
        command = COMMAND.validate_python(body)
        command_id = self._next_id(name)
        decision = decide_command(
            read_state(self.document),
            self._carry_out(command, agents),
            command_id=command_id,
            by_role=command.by.role,
            policy=self.policy,
            now=self.now,
            staffing=self.staffing,
        )
        entry = of_command(command, command_id, self.now, decision, stale=False)
        return self._keep(decision, entry)

    def migrate(self, target: Policy, when: str | None = None, **fields: Any) -> Decision:
        """The case goes on under another policy, after a simulation of it."""
        token = simulation_token(self.case_id, len(self.events), target.digest)
        said = {"to": target.digest, "simulation": token, "reason": "a new pack", **fields}
        old = self.policy
        self._target = target
        decision = self.command("migrate", when, by="S1", role="supervisor", **said)
        self.policy, self.earlier = target, [old, *self.earlier]
        return decision

    def _carry_out(self, command: Command, agents: KnownAgents | None) -> Callable[[Turn], None]:
        if isinstance(command, Migrate):
            token = simulation_token(self.case_id, len(self.events), command.to)
            return migrating(command, self._target, token)
        return carrying_out(command, agents or KnownAgents({"A1024": "李四", "A2001": "王五"}))

    def answer(
        self, name: str, action: int = -1, when: str | None = None, **fields: Any
    ) -> Decision:
        """Another backend's answer to an action: the last one asked for, or that one."""
        if when is not None:
            self.now = max(self.now, at(when))
        state = self.state
        asked = {} if "action_id" in fields else {"action_id": state.actions[action].id}
        said = FOREIGN_ANSWERS[name].model_validate({**asked, **fields})
        answer_id = self._next_id(name)
        decision = decide_answer(
            state,
            said,
            answer_id=answer_id,
            policy=self.policy,
            now=self.now,
            staffing=self.staffing,
        )
        entry = of_answer(name, said, answer_id, self.now, decision, stale=False)
        return self._keep(decision, entry)

    def order(self, order: Order, name: str | None = None) -> Decision:
        """What the roster leads to."""
        order_id = self._next_id(order.command)
        decision = decide_command(
            self.state,
            ordering(order, name),
            command_id=order_id,
            by_role=Role.SYSTEM,
            policy=self.policy,
            now=self.now,
            stale=True,
            staffing=self.staffing,
        )
        return self._keep(decision, of_order(order, order_id, self.now, decision, stale=True))

    def journal(self) -> Journal:
        """The journal as an export carries it: through JSON and back."""
        documents = {
            policy.digest: json.loads(canonical(policy.pack.model_dump(mode="json")))
            for policy in (self.policy, *self.earlier)
        }
        whole = journal(self.state, documents, self.policy.calendar_digests(), self.entries)
        return Journal.model_validate_json(whole.model_dump_json(exclude_none=True))

    def names(self) -> list[str]:
        """The names of everything that was said."""
        return [event.event_name for event in self.events]

    def said(self, name: str) -> list[Any]:
        """The events of one name."""
        return [event for event in self.events if event.event_name == name]

    def asked(self, name: str) -> list[Any]:
        """What was said on topic `actions`, of one name."""
        return [request for request in self.requests if request.event_name == name]

    def actions(self) -> list[dict[str, Any]]:
        return action_views(self.state, self.policy)

    def view(self) -> dict[str, Any]:
        return ladder_view(self.state, self.policy)

    def rungs(self) -> list[str]:
        """The rungs entered, in order."""
        return [event.rung for event in self.said("rung.entered")]

    def clock(self, name: str) -> dict[str, Any]:
        """A clock as the ladder shows it."""
        found: list[dict[str, Any]] = [
            clock for clock in self.view()["clocks"] if clock["name"] == name
        ]
        return found[0]

    def later(self, **duration: float) -> datetime:
        return self.now + timedelta(**duration)

    def staffing(
        self, group: str, barred: Collection[str], now: datetime, until: datetime | None
    ) -> bool:
        """What the roster of this test answers."""
        return group not in self.absent_groups

    def _next_id(self, name: str) -> UUID:
        self.triggers += 1
        return uuid5(self.case_id, f"{name}:{self.triggers}")

    def _keep(self, decision: Decision, entry: Entry | None) -> Decision:
        self.document = decision.document
        if entry is not None:
            told = said_by(entry, decision, len(self.events))
            self.entries.append(entry.model_copy(update={"produced": told}))
        self.events += decision.events
        self.requests += decision.requests
        self.decisions.append(decision)
        return decision


def _status_after(name: str, status: Status) -> Status:
    return STATUS_AFTER.get(name, status)
