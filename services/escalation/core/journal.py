"""What is written down of every decision, so that anybody can make it again elsewhere.

Owns: one entry per decision (the trigger, the data that counted, the instant, the Reason, what
came out) and the document that carries a case's entries. An entry holds no personal data: private
fields of events, names and free text stay out, which the engine never looks at; staff numbers
stay. A refused command leaves nothing behind, so it has no entry. Making the decisions again is
in `replay`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from schemas.actions import ActionAnswer
from schemas.case import CaseClosed, CaseEvent, PackPin
from schemas.report import Actor
from schemas.vocabulary import Role, Status
from services.escalation.core.assigning import Order
from services.escalation.core.commands import Command, RequestAction
from services.escalation.core.roster import remembered_as
from services.escalation.core.state import LadderState
from services.escalation.core.turn import Decision, Outcome

FORMAT: Final = "recourse.journal.v1"
WITHHELD: Final = "(withheld)"
"""Stands where a person wrote a text."""
_TEXTS: Final = frozenset({"reason", "brief"})


class TriggerKind(StrEnum):
    """What a decision was asked by."""

    EVENT = "event"
    WAKE = "wake"
    COMMAND = "command"
    ORDER = "order"
    ANSWER = "answer"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Said(_Part):
    """An event that a decision led to; `data` is its public half as it was published."""

    id: UUID
    type: str
    sequence: int
    data: dict[str, Any] = {}


class Triggered(_Part):
    """What a decision was asked by. `recorded_at` is an event's own instant; `now` when decided."""

    kind: TriggerKind
    trigger: UUID
    name: str
    recorded_at: datetime | None = None
    now: datetime
    data: dict[str, Any]
    absent_groups: tuple[str | None, ...] = ()
    """Each time the decision asked the roster: the group if it had nobody, else None."""


class Entry(Triggered):
    """One decision: its trigger, and what it came to."""

    reason: Outcome
    wake_at: datetime | None = None
    produced: tuple[Said, ...] = ()


class PinnedPolicy(_Part):
    """The policy of the case, whole; `digest` covers the canonical JSON of `document`."""

    name: str
    version: str
    digest: str
    document: dict[str, Any]


class Journal(_Part):
    """Everything that is needed to decide again what was decided about one case."""

    format: Literal["recourse.journal.v1"]
    case_id: UUID
    policy: PinnedPolicy
    calendars: dict[str, str]
    """The digest of each calendar of the policy."""
    earlier: tuple[PinnedPolicy, ...] = ()
    """The policies under which the case was before it was migrated."""
    entries: tuple[Entry, ...]


def of_event(
    event: CaseEvent, event_id: UUID, recorded_at: datetime, now: datetime, decision: Decision
) -> Entry:
    """The entry of an event of the case."""
    data = event.model_dump(mode="json", exclude=set(event.private_fields()), exclude_unset=True)
    if event.by is not None:
        data["by"] = _anonymous(event.by)
    return _entry(
        decision,
        kind=TriggerKind.EVENT,
        trigger=event_id,
        name=event.type_name(),
        recorded_at=recorded_at,
        now=now,
        data=data,
    )


def of_erasure(trigger: UUID, now: datetime, episode: int) -> Entry:
    """The entry of a case whose customer was erased: it was closed, as histories are played."""
    closed = CaseClosed(status=Status.CLOSED, episode=episode, by_role=Role.OPS)
    return Entry(
        kind=TriggerKind.EVENT,
        trigger=trigger,
        name=closed.type_name(),
        recorded_at=now,
        now=now,
        data=closed.split()[0],
        reason=Outcome.APPLIED,
    )


def of_wake(
    wake_id: UUID,
    now: datetime,
    decision: Decision,
    *,
    real_now: datetime,
    stale: bool,
    lateness_ms: int,
) -> Entry:
    """The entry of a wake-up."""
    return _entry(
        decision,
        kind=TriggerKind.WAKE,
        trigger=wake_id,
        name="wake",
        now=now,
        data={"real_now": real_now.isoformat(), "stale": stale, "lateness_ms": lateness_ms},
    )


def of_command(
    command: Command, command_id: UUID, now: datetime, decision: Decision, *, stale: bool
) -> Entry:
    """The entry of a command that was obeyed."""
    said = command.model_dump(mode="json", by_alias=True, exclude_none=True)
    texts: dict[str, Any] = dict.fromkeys(_TEXTS & said.keys(), WITHHELD)
    if isinstance(command, RequestAction):
        texts["parameters"] = dict.fromkeys(command.parameters, WITHHELD)
    return _entry(
        decision,
        kind=TriggerKind.COMMAND,
        trigger=command_id,
        name=command.command,
        now=now,
        data={"command": {**said, **texts, "by": _anonymous(command.by)}, "stale": stale},
    )


def of_order(
    order: Order, order_id: UUID, now: datetime, decision: Decision, *, stale: bool
) -> Entry:
    """The entry of what the roster led to."""
    return _entry(
        decision,
        kind=TriggerKind.ORDER,
        trigger=order_id,
        name=order.command,
        now=now,
        data={"order": order.model_dump(mode="json", exclude_none=True), "stale": stale},
    )


def of_answer(
    name: str,
    answer: ActionAnswer,
    answer_id: UUID,
    now: datetime,
    decision: Decision,
    *,
    stale: bool,
) -> Entry:
    """The entry of another backend's answer; what it says beside the action's id stays out."""
    return _entry(
        decision,
        kind=TriggerKind.ANSWER,
        trigger=answer_id,
        name=name,
        now=now,
        data={"action_id": str(answer.action_id), "stale": stale},
    )


def _entry(decision: Decision, **trigger: Any) -> Entry:
    """A trigger, with what the decision about it came to."""
    return Entry(
        **trigger,
        reason=decision.outcome,
        wake_at=decision.wake_at,
        absent_groups=decision.absent_groups,
    )


def changes_nothing(before: bytes | None, decision: Decision) -> bool:
    """Whether a wake-up came to nothing at all: it needs no entry (design rule 7)."""
    return decision.outcome is Outcome.NOTHING_DUE and decision.document == before


def journal(
    state: LadderState,
    documents: Mapping[str, dict[str, Any]],
    calendars: dict[str, str],
    entries: list[Entry],
) -> Journal:
    """The whole journal of a case; `documents` are its policies by digest, as canonical JSON."""
    pins = {record.previous.digest: record.previous for record in state.migrations}
    pins.pop(state.policy.digest, None)
    return Journal(
        format=FORMAT,
        case_id=state.case_id,
        policy=_pinned(state.policy, documents),
        calendars=calendars,
        earlier=tuple(_pinned(pin, documents) for pin in pins.values()),
        entries=tuple(entries),
    )


def _pinned(pin: PackPin, documents: Mapping[str, dict[str, Any]]) -> PinnedPolicy:
    return PinnedPolicy(**pin.model_dump(), document=documents[pin.digest])


def _anonymous(by: Actor) -> dict[str, str]:
    return {"role": by.role.value, "id": remembered_as(by)}
