"""Entities: the row that a case is to the kit, and what a decision does to it.

Owns the shapes that cross from the pure cores into the shell. Never decides anything. They are made
for every event, and msgspec's structs take a third of the time of tuples with names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct, field

from services.kit.wire import Emittable

_MARK = 4
_REMEMBERED = 256


class Position(Struct):
    """How far a stream of an entity is: the last sequence and the hash of that event.

    `trail` has the first bytes of the hashes of the last events of an input, the newest last.
    """

    sequence: int = 0
    hash: bytes = b""
    trail: bytes = b""

    def then(self, sequence: int, hash: bytes) -> Position:
        """The position after one more event."""
        trail = self.trail + hash[:_MARK]
        return Position(sequence, hash, trail[-_MARK * _REMEMBERED :])

    def differs(self, sequence: int, hash: bytes) -> bool:
        """Whether another event is remembered under a number that was applied."""
        at = len(self.trail) - _MARK * (self.sequence - sequence + 1)
        return at >= 0 and self.trail[at : at + _MARK] != hash[:_MARK]


class Entity(Struct):
    """One locked (or read) entity. `state` is the core's document in plain bytes.

    `state` is None for a stub that was never decided. `erased` says that a document exists but
    its subject's key was destroyed. `known_at` is the real instant at which `wake_at` was set.
    """

    id: UUID
    subject: UUID | None = None
    partition: int | None = None
    inputs: dict[str, Position] = field(default_factory=dict)
    outputs: dict[str, Position] = field(default_factory=dict)
    parked: int = 0
    state: bytes | None = None
    erased: bool = False
    last_at: datetime | None = None
    wake_at: datetime | None = None
    known_at: datetime | None = None
    held_until: datetime | None = None

    def erase(self, subject: UUID) -> None:
        """Whom it is about was erased: nothing is known of it but its positions."""
        self.subject, self.state, self.erased = subject, None, True
        self.wake_at = self.held_until = None

    def position(self, topic: str) -> int:
        """The last sequence applied of an input, or produced of an output; 0 if none."""
        found = self.inputs.get(topic) or self.outputs.get(topic)
        return found.sequence if found else 0

    def positions(self) -> dict[str, int]:
        """Every position of every stream."""
        streams = {**self.inputs, **self.outputs}
        return {topic: position.sequence for topic, position in streams.items()}


class Decision(Struct, frozen=True):
    """What a core decided about one entity. `state` None leaves the document as it is.

    `held_until` (real time) takes the entity out of the timers' claim until its stream speaks
    again or that instant has passed. `effects` is for the service's own `write`.
    """

    state: bytes | None
    events: tuple[tuple[str, Emittable], ...] = ()
    wake_at: datetime | None = None
    subject: UUID | None = None
    held_until: datetime | None = None
    effects: Any = None


class Produced(Struct, frozen=True):
    """An event as it was numbered."""

    topic: str
    id: UUID
    type: str
    sequence: int
    recordedat: datetime
    data: Emittable


class Decided(Struct, frozen=True):
    """A decision that was applied, with the events it produced."""

    entity: Entity
    decision: Decision
    produced: tuple[Produced, ...]


class Incoming(Struct, frozen=True):
    """One message to decide about; `data` has public and unsealed private fields merged.

    `event` is what the codec read it as: checked, and of the newest version (None: foreign).
    `after` says which positions of its own inputs the producer had applied (empty: foreign).
    """

    topic: str
    partition: int
    id: UUID
    source: str
    type: str
    sequence: int
    recordedat: datetime
    data: Mapping[str, Any]
    real_now: datetime
    event: Any = None
    after: Mapping[str, int] = MappingProxyType({})


class Wake(Struct, frozen=True):
    """Why the timers ask. `silent_s` is the age of the entity's input heartbeat in real seconds.

    The ids of the events that a wake-up leads to derive from its `id`.
    """

    id: UUID
    real_now: datetime
    stale: bool
    silent_s: float
    lateness_ms: int


class Writer(Protocol):
    """Who writes the side rows of decisions, set-based, in the same transaction."""

    async def write(self, unit: Any, decided: Sequence[Decided]) -> None: ...


class Logic(Writer, Protocol):
    """What a service that reads sequenced streams gives the kit. The two decisions are pure."""

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision: ...
    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision: ...
