"""One decision in the making: the state being changed and the events it gives rise to.

Owns: what every event on `escalations` carries (where the case stood when it happened; the next
deadlines once all is decided), and what is asked of other backends. Never decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from uuid import UUID

from schemas.actions import ActionEvent
from schemas.escalation import LadderEvent
from schemas.vocabulary import Role
from services.escalation.core.deadlines import Deadline, deadlines, next_due, wake_at
from services.escalation.core.policy import Policy
from services.escalation.core.staffing import Staffing, everybody_is_there
from services.escalation.core.state import LadderState, write_state


class Outcome(StrEnum):
    """What became of a trigger; the closed Reason of a decision."""

    APPLIED = "applied"
    NOTHING_DUE = "nothing_due"
    FIRED = "fired"
    HELD = "held"
    AFTER_END = "after_end"
    ALREADY_ANSWERED = "already_answered"


@dataclass(frozen=True, slots=True)
class Firing:
    """A deadline that was acted upon: for lateness, and for proof that it happened once."""

    episode: int
    what: str
    cycle: int
    due_at: datetime
    fired_at: datetime
    lateness_ms: int


Emitted = tuple[type[LadderEvent], dict[str, Any]]
"""An event and its fields, all but the deadlines that every event of a decision carries."""


@dataclass(frozen=True)
class Decision:
    """What a trigger leads to. `held_since` is real time.

    `document` and `events` are made when they are first asked for: before the state moves on.
    """

    state: LadderState
    emitted: tuple[Emitted, ...]
    wake_at: datetime | None
    outcome: Outcome
    firings: tuple[Firing, ...] = ()
    waiting: tuple[Deadline, ...] = ()
    """Every deadline ahead, earliest first."""
    requests: tuple[ActionEvent, ...] = ()
    """What other backends are asked to do, or no longer."""
    absent_groups: tuple[str | None, ...] = ()
    """Each time the roster was asked: the group if it had nobody; None, or no more, if it had."""

    @cached_property
    def document(self) -> bytes:
        """The state to store."""
        return write_state(self.state)

    @cached_property
    def events(self) -> tuple[LadderEvent, ...]:
        """What is told on `escalations`, with the next deadlines once all is decided."""
        nexts = {
            "next_update_at": next_due(self.waiting, self.state, promised=True),
            "next_due_at": next_due(self.waiting, self.state, promised=False),
        }
        return tuple(event(**fields, **nexts) for event, fields in self.emitted)


@dataclass(slots=True)
class Turn:
    """The working copy of one decision.

    `at` is the effective instant of the trigger, `now` when it is decided; `cause` is the id of
    the trigger, which every derived id and record names.
    """

    state: LadderState
    policy: Policy
    now: datetime
    at: datetime
    cause: UUID
    by_role: Role = Role.SYSTEM
    lateness_ms: int | None = None
    """Real milliseconds, where the trigger is a timer; else the domain's are taken."""
    silent: bool = False
    """Whether deadlines fire although the stream of cases has been silent for too long."""
    staffing: Staffing = everybody_is_there
    absent_groups: list[str | None] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    requests: list[ActionEvent] = field(default_factory=list)
    _emitted: list[Emitted] = field(default_factory=list)
    _waiting: list[Deadline] | None = None

    def emit(self, event: type[LadderEvent], **fields: Any) -> None:
        """Notes an event, with where the case stands now."""
        place = self.state.place
        fields["episode"] = self.state.episode
        fields["rung"] = place.rung
        fields["path"] = self.policy.rungs[place.rung].path
        fields["visit"] = place.visit
        fields["owner_group"] = place.owner_group
        self._emitted.append((event, fields))

    def waiting(self) -> list[Deadline]:
        """Every deadline ahead, earliest first; derived once until something changes."""
        if self._waiting is None:
            self._waiting = deadlines(self.state, self.policy)
        return self._waiting

    def expect(self, waiting: Sequence[Deadline] | None) -> None:
        """Takes over the deadlines that were derived of this very state; None: nobody did."""
        self._waiting = None if waiting is None else list(waiting)

    def changed(self) -> None:
        """Has the deadlines derived anew: the state is not what it was."""
        self._waiting = None

    def lateness_of(self, due_at: datetime) -> int:
        """Milliseconds after its due instant at which a deadline is acted upon."""
        if self.lateness_ms is not None:
            return self.lateness_ms
        return max(0, int((self.now - due_at).total_seconds() * 1000))

    def decide(self, outcome: Outcome) -> Decision:
        """The finished decision."""
        waiting = self.waiting()
        return Decision(
            state=self.state,
            emitted=tuple(self._emitted),
            wake_at=wake_at(waiting, self.now),
            outcome=outcome,
            firings=tuple(self.firings),
            waiting=tuple(waiting),
            requests=tuple(self.requests),
            absent_groups=self._answers(),
        )

    def _answers(self) -> tuple[str | None, ...]:
        """What the roster answered, up to the last group that had nobody."""
        answers = list(self.absent_groups)
        while answers and answers[-1] is None:
            answers.pop()
        return tuple(answers)
