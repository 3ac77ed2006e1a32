"""What streams say about themselves: heartbeats of the inputs, control messages about our outputs.

Owns their rows. A heartbeat brings back the entities that were held for a silent stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from services.kit.rows import Streams, columns
from services.kit.sorting import Beat, Control
from services.kit.unit import QUERIES, Unit
from services.kit.wire import Resend

Fetched = Mapping[tuple[str, int], int]
"""The next offset of each partition (topic without prefix) once a batch is taken."""
NOTHING: Final[Fetched] = MappingProxyType({})


class Session(Protocol):
    """A connection inside a transaction, or the pool."""

    async def execute(self, query: str, *args: Any) -> Any: ...


async def hear_control(unit: Unit, streams: Streams, items: Sequence[Control]) -> None:
    """Remember what consumers confirmed; queue again what one of them misses."""
    for what in (item.what for item in items):
        if what.topic not in streams.outputs:
            continue
        if isinstance(what, Resend):
            span = (what.entity, what.topic, what.first, what.last)
            await unit.conn.execute(QUERIES["resend"], *span)
            await unit.conn.execute(QUERIES["notify"], "unpublished")
        else:
            await unit.conn.execute(QUERIES["confirm"], what.consumer, what.topic, what.t)


async def note_progress(
    session: Session, streams: Streams, beats: Sequence[Beat], fetched: Fetched
) -> None:
    """How far partitions are read and complete, and who is held no longer; one statement."""
    latest: dict[tuple[str, int], datetime] = {}
    for beat in beats:
        key = (beat.topic, beat.partition)
        latest[key] = max(latest.get(key, beat.t), beat.t)
    if not latest and not fetched:
        return
    spoken = [part for topic, part in latest if topic in streams.inputs[:1]]
    await session.execute(QUERIES["progress"], *_by_place(latest), spoken, *_by_place(fetched))


def _by_place(found: Mapping[tuple[str, int], Any]) -> list[list[Any]]:
    rows = [(*place, what) for place, what in sorted(found.items())]
    return columns(rows) if rows else [[], [], []]
