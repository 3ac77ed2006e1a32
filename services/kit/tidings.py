"""What streams say about themselves: heartbeats of the inputs, control messages about our outputs.

Owns their rows. A heartbeat brings back the entities that were held for a silent stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from services.kit.rows import Streams, columns
from services.kit.sorting import Beat, Control
from services.kit.unit import QUERIES, Unit
from services.kit.wire import Resend


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


async def note_beats(session: Session, streams: Streams, beats: Sequence[Beat]) -> None:
    """How far each partition is complete, and who need not be held any longer; one statement."""
    latest: dict[tuple[str, int], datetime] = {}
    for beat in beats:
        key = (beat.topic, beat.partition)
        latest[key] = max(latest.get(key, beat.t), beat.t)
    if not latest:
        return
    rows = [(*key, t) for key, t in sorted(latest.items())]
    spoken = [part for topic, part in latest if topic == streams.inputs[0]]
    await session.execute(QUERIES["progress"], *columns(rows), spoken)
