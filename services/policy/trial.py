"""One case played through the engine as its clocks ask, with no service and no database.

Owns driving the pure engine: an opening, events, wake-ups at the instants it wants. Everybody is
there: a pack is tried, not a roster.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from schemas.case import CaseEvent, CaseOpened
from schemas.case_events import CASE_EVENTS
from schemas.escalation import LadderEvent
from schemas.vocabulary import Category, Status
from services.escalation.core.engine import decide_event, decide_wake
from services.escalation.core.journal import Entry, of_event
from services.escalation.core.policy import Policy
from services.escalation.core.state import LadderState, read_state
from services.escalation.core.turn import Decision

_CASE: Final = UUID("6f9619ff-8b86-d011-b42d-00cf4fc964ff")
_EVENTS: Final = {event.event_name: event for event in CASE_EVENTS}
STATUS_AFTER: Final = {
    "customer.asked": Status.WAITING_CUSTOMER,
    "customer.answered": Status.OPEN,
    "case.resolved": Status.RESOLVED,
    "case.confirmed": Status.CLOSED,
    "case.reopened": Status.OPEN,
    "case.withdrawn": Status.WITHDRAWN,
    "case.closed": Status.CLOSED,
    "case.merged": Status.MERGED,
}
"""The status after an event that says none."""


class Trial:
    """A case under one policy; `events` is all that came out so far, `happened` what was told."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.events: list[LadderEvent] = []
        self.happened: list[Entry] = []
        self._document: bytes | None = None
        self._wake_at: datetime | None = None
        self._status = Status.OPEN
        self._steps = 0

    @property
    def state(self) -> LadderState:
        """Where the case stands."""
        assert self._document is not None, "the case is not open yet"  # noqa: S101
        return read_state(self._document)

    def open(self, at: datetime, **fields: Any) -> None:
        """Open the case; severity and lane are its category's unless they are given.

        Raises pydantic's `ValidationError` for fields that an opening does not have.
        """
        rule = self.policy.pack.categories.get(fields.get("category", Category.POLICY_QUESTION))
        opening: dict[str, Any] = {
            "data_subject": uuid5(_CASE, "subject"),
            "category": Category.POLICY_QUESTION,
            "severity": rule.severity if rule else "normal",
            "lane": rule.lane if rule else "ordinary",
            "policy": self.policy.pin,
            "channel": "phone",
            "occurred_at": at,
            "started_at": at,
        }
        self.tell(CaseOpened.event_name, at, {**opening, **fields})

    def tell(self, name: str, at: datetime, fields: Mapping[str, Any]) -> None:
        """One event of topic `cases`, decided as it is recorded.

        Raises `KeyError` for an unknown name, `ValidationError` for what is no such event.
        """
        self._status = Status(fields.get("status") or STATUS_AFTER.get(name, self._status))
        event: CaseEvent = _EVENTS[name].model_validate({**fields, "status": self._status})
        event_id = self._next_id(name)
        decision = decide_event(
            self.state if self._document else None,
            event,
            event_id=event_id,
            recorded_at=at,
            policy=self.policy,
            now=at,
            case_id=_CASE,
        )
        self._keep(decision)
        self.happened.append(of_event(event, event_id, at, at, decision))

    def run_until(self, until: datetime) -> None:
        """Wake the case at every instant it asks for, up to this one."""
        while self._wake_at is not None and self._wake_at <= until:
            before, now = self._document, self._wake_at
            self._keep(
                decide_wake(self.state, self.policy, now, real_now=now, stale=False, lateness_ms=0)
            )
            if self._document == before:
                return

    def _next_id(self, name: str) -> UUID:
        self._steps += 1
        return uuid5(_CASE, f"{name}:{self._steps}")

    def _keep(self, decision: Decision) -> None:
        self._document, self._wake_at = decision.document, decision.wake_at
        self.events += decision.events
