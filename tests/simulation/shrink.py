"""Making a failing history small: faults and inputs are left out as long as it still fails.

Owns the search (delta debugging). What failing means is passed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.faults import Fault
from tests.simulation.history import History
from tests.simulation.inputs import Input

_T = TypeVar("_T")
Fails = Callable[[History], Awaitable[bool]]


async def shrink(history: History, fails: Fails) -> History:
    """A history that still fails and of which no fault and no input can be left out alone."""
    before: History | None = None
    while history != before:
        before = history
        history = await _fewer_faults(history, fails)
        history = await _shorter(history, fails)
    return history


async def _fewer_faults(history: History, fails: Fails) -> History:
    async def still(faults: Sequence[Fault]) -> bool:
        return await fails(replace(history, faults=tuple(faults)))

    return replace(history, faults=await _least(history.faults, still))


async def _shorter(history: History, fails: Fails) -> History:
    async def still(script: Sequence[Input]) -> bool:
        return await fails(replace(history, script=tuple(script)))

    return replace(history, script=await _least(history.script, still))


async def _least(
    parts: Sequence[_T], fails: Callable[[Sequence[_T]], Awaitable[bool]]
) -> tuple[_T, ...]:
    """Leave out halves, quarters... down to single ones, while it fails without them."""
    size = max(1, len(parts) // 2)
    while parts:
        at = 0
        while at < len(parts):
            fewer = [*parts[:at], *parts[at + size :]]
            if await fails(fewer):
                parts = fewer
            else:
                at += size
        if size == 1:
            break
        size //= 2
    return tuple(parts)
