"""Playing a history under a policy: the same triggers at the same instants, time between them.

Owns what is kept and what is decided anew. Kept: what the customer, other backends and people at
the operator did, when they did it, where the policy lets them; the roster counts as having
somebody. Anew: every wake-up, at its very instant, and severity and lane of a category, unless
they were set otherwise than by the old policy's rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.pack import Pack
from schemas.vocabulary import Category
from services.escalation.core.again import decide_again
from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.deadlines import Deadline
from services.escalation.core.engine import decide_wake
from services.escalation.core.journal import Triggered, TriggerKind
from services.escalation.core.policy import Policy
from services.escalation.core.rehearsal.course import Course
from services.escalation.core.rehearsal.history import CLASSIFYING, OPENING, History
from services.escalation.core.state import LadderState, read_state, write_state
from services.escalation.core.turn import Decision

_MIGRATE: Final = "migrate"
"""Moves a case to a policy that is not compared here."""
_MOST_WAKES: Final = 100_000
"""Of one case between two triggers; more is a policy that goes round in circles."""


class EndlessError(ValueError):
    """A policy under which a case is woken without end."""


def play(history: History, old: Pack, policy: Policy, until: datetime) -> Course:
    """The course of a case under `policy`; `old` is the pack that it really ran under.

    Raises `ValueError` where the history does not begin with the opening of the case.
    """
    rehearsal = Rehearsal(policy)
    for entry in history.entries:
        rehearsal.take(history.case_id, entry, old)
    rehearsal.wake_until(until)
    return rehearsal.course


@dataclass(frozen=True, slots=True)
class Resting:
    """A rehearsal between two triggers; `document` holds no personal data, as no history does."""

    document: bytes
    wake_at: datetime | None
    now: datetime


class _Again(NamedTuple):
    """A trigger of the history under another policy, at its own instant or later."""

    kind: TriggerKind
    trigger: UUID
    name: str
    recorded_at: datetime | None
    now: datetime
    data: dict[str, Any]
    absent_groups: tuple[str | None, ...] = ()


class Rehearsal:
    """One case on its way through its history."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.course = Course()
        self._state: LadderState | None = None
        self._wake_at: datetime | None = None
        self._now: datetime | None = None
        self._waiting: Sequence[Deadline] | None = None

    @classmethod
    def of(cls, policy: Policy, resting: Resting) -> Rehearsal:
        """Goes on where it came to rest."""
        going_on = cls(policy)
        going_on._state = read_state(resting.document)
        going_on._wake_at, going_on._now = resting.wake_at, resting.now
        return going_on

    def resting(self) -> Resting:
        """Where it stands, to go on later. Raises `ValueError` before the case was opened."""
        if self._state is None or self._now is None:
            raise ValueError("the history does not begin with the opening of the case")
        return Resting(write_state(self._state), self._wake_at, self._now)

    def take(self, case_id: UUID, entry: Triggered, old: Pack) -> None:
        """Let one trigger happen, after everything that was due before it."""
        if entry.kind is TriggerKind.WAKE or entry.name == _MIGRATE:
            return
        at = entry.recorded_at or entry.now
        self.wake_until(at)
        now = at if self._now is None else max(at, self._now)
        data = _under(entry, old, self.policy)
        again = _Again(entry.kind, entry.trigger, entry.name, entry.recorded_at, now, data)
        before = self._document() if entry.kind is TriggerKind.COMMAND else None
        try:
            decision = decide_again(case_id, self._state, again, self.policy, waiting=self._waiting)
        except CommandRefusedError as refusal:
            self.course.refused[f"{entry.name}: {refusal.reason.value}"] += 1
            # A refusal may have used the state up.
            self._state, self._waiting = read_state(before) if before else None, None
            return
        self._keep(decision, now)

    def _document(self) -> bytes | None:
        return write_state(self._state) if self._state is not None else None

    def wake_until(self, until: datetime) -> None:
        """Wake the case at every instant that it asks for."""
        for _ in range(_MOST_WAKES):
            if self._state is None or self._wake_at is None or self._wake_at > until:
                return
            if not self._wake(self._state, self._wake_at):
                return
        raise EndlessError(f"woken {_MOST_WAKES:,} times and no end")

    def _wake(self, state: LadderState, at: datetime) -> bool:
        """Whether anything came of it; what only the roster waits for stays as it is."""
        now = at if self._now is None else max(at, self._now)
        decision = decide_wake(
            state,
            self.policy,
            now,
            real_now=now,
            stale=False,
            lateness_ms=0,
            waiting=self._waiting,
        )
        moved = bool(decision.firings) or decision.wake_at != self._wake_at
        self._keep(decision, now)
        return moved

    def _keep(self, decision: Decision, now: datetime) -> None:
        self._state, self._wake_at, self._now = decision.state, decision.wake_at, now
        self._waiting = decision.waiting
        self.course.note(decision.emitted, now)


def _under(entry: Triggered, old: Pack, policy: Policy) -> dict[str, Any]:
    """What a trigger says, as intake would say it with the other policy at hand."""
    if entry.name not in CLASSIFYING:
        return entry.data
    data = {**entry.data}
    category = Category(data["category"])
    before, after = old.categories[category], policy.pack.categories[category]
    for what in ("severity", "lane"):
        if data[what] == getattr(before, what):
            data[what] = getattr(after, what)
    if entry.name == OPENING:
        data["policy"] = policy.pin.model_dump()
    return data
