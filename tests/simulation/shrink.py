"""Making a failing history small: faults and inputs are left out as long as it still fails.

Owns the search (delta debugging). What failing means is passed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.simulation.history import History

_T = TypeVar("_T")
Fails = Callable[[History], Awaitable[bool]]


async def shrink(history: History, fails: Fails) -> History:
    """A history that still fails and of which no fault and no input can be left out alone."""
    while True:
        before = history
        history = replace(
            history,
            faults=await _least(history.faults, lambda f: fails(replace(before, faults=tuple(f)))),
        )
        kept = history
        history = replace(
            history,
            script=await _least(history.script, lambda s: fails(replace(kept, script=tuple(s)))),
        )
        if history == before:
            return history


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
