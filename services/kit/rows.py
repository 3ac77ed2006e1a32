"""The row of an entity: how streams map to its columns, and how its document is sealed at rest.

Pure but for the sealer, whose keys must have been loaded. Runs no statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.kit.entities import Entity, Position
from services.kit.sealing import BLANK, Sealer

_COLUMNS = (("s1", "h1", "g1"), ("s2", "h2", "g2"))
_OUT_COLUMNS = (("o1", "p1"), ("o2", "p2"))
_NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Streams:
    """Which topics (without prefix) a service reads and writes in sequence; at most two each."""

    source: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.inputs) > len(_COLUMNS) or len(self.outputs) > len(_OUT_COLUMNS):
            raise ValueError("an entity row has room for two inputs and two outputs")


def to_entity(row: Mapping[str, Any], streams: Streams, sealer: Sealer) -> Entity:
    """The entity of a row; its document is opened under the subject's key."""
    entity = Entity(
        row["id"],
        row["subject"],
        row["part"],
        {
            topic: Position(row[sequence], row[hash_], row[trail])
            for topic, (sequence, hash_, trail) in zip(streams.inputs, _COLUMNS, strict=False)
        },
        {
            topic: Position(row[sequence], row[hash_])
            for topic, (sequence, hash_) in zip(streams.outputs, _OUT_COLUMNS, strict=False)
        },
        row["parked"],
        last_at=row["last_at"],
        wake_at=row["wake_at"],
        known_at=row["known_at"],
        held_until=row["held_until"],
    )
    if row["state"] is not None and entity.subject is not None:
        entity.state = sealer.open(entity.subject, row["state"], entity.id.bytes)
        entity.erased = entity.state is None
    return entity


def to_row(entity: Entity, streams: Streams, sealer: Sealer) -> tuple[Any, ...]:
    """The whole row, as statement `write` takes it; the document is sealed under its key."""
    return (
        entity.id, entity.subject, entity.partition,
        *_two(entity.inputs, streams.inputs), *_two(entity.outputs, streams.outputs),
        entity.parked, _sealed_state(entity, sealer), entity.last_at, entity.wake_at,
        entity.known_at, entity.held_until, *_trails(entity.inputs, streams.inputs),
    )  # fmt: skip


def to_outcome(entity: Entity, streams: Streams, sealer: Sealer) -> tuple[Any, ...]:
    """What a decision changes of the row, as statement `write` takes it."""
    return (
        entity.id, *_two(entity.outputs, streams.outputs), _sealed_state(entity, sealer),
        entity.last_at, entity.wake_at, entity.known_at, entity.held_until,
    )  # fmt: skip


def _two(positions: Mapping[str, Position], topics: Sequence[str]) -> tuple[int, bytes, int, bytes]:
    """Sequence and hash on the one or two streams there are."""
    first = positions.get(topics[0], _NOWHERE) if topics else _NOWHERE
    second = positions.get(topics[1], _NOWHERE) if len(topics) > 1 else _NOWHERE
    return first.sequence, first.hash, second.sequence, second.hash


def _trails(positions: Mapping[str, Position], topics: Sequence[str]) -> tuple[bytes, bytes]:
    """What is remembered of the one or two inputs there are."""
    first, second, *_ = [*(positions.get(topic, _NOWHERE).trail for topic in topics), b"", b""]
    return first, second


def _sealed_state(entity: Entity, sealer: Sealer) -> bytes | None:
    if entity.state is None:
        return BLANK if entity.erased else None
    if entity.subject is None:
        raise ValueError("a state document needs a data subject")
    blob = sealer.seal(entity.subject, entity.state, entity.id.bytes)
    return BLANK if blob is None else blob


def columns(rows: Sequence[tuple[Any, ...]], width: int = 0) -> list[list[Any]]:
    """Rows turned into the arrays of an UNNEST; so many empty ones where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width
