"""What to do about one message of topic `actions`, and what to answer.

Owns reading a message, the decision, and the answers as records. Pure: the time comes in, nothing
goes out. It knows Kafka and the database by name only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

Headers = Sequence[tuple[str, bytes]]
OURS: Final = frozenset(
    {
        "freeze", "unfreeze", "reset_credentials", "trace", "recall", "cancel", "refund",
        "provisional_credit",
    }
)  # fmt: skip
EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
_ANSWERS: Final = UUID("6d1f0a52-6f5c-5b0e-8c35-2f1a7d1d9e10")


class UnreadableError(ValueError):
    """A message of a type that we know, which is not what its type promises."""


class Kind(StrEnum):
    """The types of messages that concern a backend; of every type only version 1 is known."""

    REQUESTED = "recourse.action.requested.v1"
    CANCELLED = "recourse.action.cancelled.v1"
    EXPIRED = "recourse.action.expired.v1"


class State(StrEnum):
    """What became of a request."""

    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Message:
    """One message about an action. `recorded_at` is when Recourse wrote it, by Recourse's clock."""

    kind: Kind
    case_id: str
    action_id: str
    action: str
    idempotency_key: str
    recorded_at: datetime
    expires_at: datetime | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger holds about an idempotency key; `number` is our own number for it."""

    state: State
    at: str
    reason: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """How this responder was told to behave; without orders it does everything at once."""

    refuse: Mapping[str, str] = field(default_factory=dict)
    never: frozenset[str] = frozenset()
    accept_only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """`entry` is to be written first (None: what is there stands), with the work if `works`.

    Then, if it `speaks`, what the ledger holds is answered.
    """

    entry: Entry | None
    works: bool = False
    speaks: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One record for topic `actions-answered`."""

    type: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def read(headers: Headers, value: bytes | None) -> Message | None:
    """The message, or None for what does not concern us. Raises `UnreadableError`."""
    texts = {name: raw for name, raw in headers if name.startswith("ce_")}
    try:
        kind = Kind(texts.get("ce_type", b"").decode())
    except ValueError:
        return None  # a heartbeat, or a type of a later release
    try:
        content = json.loads(value or b"")
        expires_at = content.get("expires_at")
        return Message(
            kind=kind,
            case_id=str(UUID(texts["ce_subject"].decode())),
            action_id=str(UUID(content["action_id"])),
            action=str(content["action"]),
            idempotency_key=str(content["idempotency_key"]),
            recorded_at=_instant(texts["ce_recordedat"].decode()),
            expires_at=_instant(expires_at) if expires_at is not None else None,
            parameters=content.get("parameters") or {},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Its words may quote the message.
        raise UnreadableError(type(error).__name__) from error


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant


def decide(message: Message, known: Entry | None, orders: Orders, now: datetime) -> Decision:
    """What to do. `known` is what the ledger holds about the message's idempotency key."""
    if message.action not in OURS or message.action in orders.never:
        return Decision(None, speaks=False)  # another backend's, who reads the topic as we do
    match message.kind:
        case Kind.REQUESTED:
            if known is not None:
                return Decision(None)  # it came twice: the same answer once more
            return _requested(message, orders, now)
        case Kind.CANCELLED:
            return _called_off(known, CANCELLED, now, speaks=True)
        case Kind.EXPIRED:
            # Recourse counts on no answer any more, except that it was done after all.
            was_done = known is not None and known.state is State.DONE
            return _called_off(known, EXPIRED, now, speaks=was_done)


def _requested(message: Message, orders: Orders, now: datetime) -> Decision:
    at = now.isoformat()
    expired = message.expires_at is None or message.expires_at <= now
    reason = EXPIRED if expired else orders.refuse.get(message.action)
    if reason is not None:
        return Decision(Entry(State.REFUSED, at, reason))
    if message.action in orders.accept_only:
        return Decision(Entry(State.ACCEPTED, at))
    return Decision(Entry(State.DONE, at), works=True)


def _called_off(known: Entry | None, why: str, now: datetime, *, speaks: bool) -> Decision:
    """Not done yet, it never will be; what was done stays done, and is answered so."""
    if known is not None and known.state is not State.ACCEPTED:
        return Decision(None, speaks=speaks)
    # Also of what was never asked for here: the request may still come, from a topic sent again.
    return Decision(Entry(State.REFUSED, now.isoformat(), why), speaks=speaks)


def answers(message: Message, entry: Entry, source: str) -> tuple[Answer, ...]:
    """All that the ledger has to say about an action, the same bytes each time."""
    named = {"action_id": message.action_id, "reference": f"R-{entry.number}"}
    told: list[tuple[str, Mapping[str, Any]]]
    match entry.state:
        case State.REFUSED:
            told = [("action.refused", named | {"reason": entry.reason})]
        case State.ACCEPTED:
            told = [("action.accepted", named)]
        case State.DONE:
            done = {**named, "result": {"done_at": entry.at}}
            told = [("action.accepted", named), ("action.done", done)]
    return tuple(_record(message, entry, source, type, value) for type, value in told)


def _record(
    message: Message, entry: Entry, source: str, type: str, value: Mapping[str, Any]
) -> Answer:
    texts = {
        "ce_specversion": "1.0",
        # One id for one answer to one action: whoever reads it twice can tell.
        "ce_id": str(uuid5(_ANSWERS, f"{message.action_id}:{type}")),
        "ce_source": source,
        "ce_type": type,
        "ce_subject": message.case_id,
        "ce_time": entry.at,
        "content-type": "application/json",
    }
    return Answer(
        type,
        message.case_id.encode(),
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
        [(name, text.encode()) for name, text in texts.items()],
    )
