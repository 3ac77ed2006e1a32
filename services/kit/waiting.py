"""Waiting until this service has applied a stream position (`?after=cases:17`).

Owns the wait and its bound. Never waits inside a transaction.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from services.kit.faults import Behind, Invalid, NotFound
from services.kit.unit import QUERIES, Entities

WAIT_S: Final = 5.0
_POLL_S: Final = 0.03


async def wait_until(
    entities: Entities, id: UUID, after: str | None, timeout_s: float = WAIT_S
) -> None:
    """Return once the entity is known and at `after` (None: known is enough).

    Raises `NotFound` for an entity that stays unknown, `Behind` where a position is not reached in
    time, `Invalid` for what is not a position of ours.
    """
    wanted = _wanted(entities, after)
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        reached = await _positions(entities, id)
        if reached is not None and all(reached[t] >= n for t, n in wanted.items()):
            return
        if asyncio.get_running_loop().time() > deadline:
            if after:
                raise Behind(after)
            raise NotFound(f"no case {id}")
        await asyncio.sleep(_POLL_S)


def _wanted(entities: Entities, after: str | None) -> dict[str, int]:
    try:
        wanted = entities.codec.parse_after(after or "")
    except ValueError as error:
        raise Invalid("/after", str(error)) from error
    known = {*entities.streams.inputs, *entities.streams.outputs}
    for topic in wanted.keys() - known:
        raise Invalid("/after", f"this service neither reads nor writes {topic}")
    return wanted


async def _positions(entities: Entities, id: UUID) -> dict[str, int] | None:
    row = await entities.db.fetchrow(QUERIES["positions"], id)
    if row is None or not row["decided"]:
        return None
    streams = entities.streams
    return {
        **dict(zip(streams.inputs, (row["s1"], row["s2"]), strict=False)),
        **dict(zip(streams.outputs, (row["o1"], row["o2"]), strict=False)),
    }
