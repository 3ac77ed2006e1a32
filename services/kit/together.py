"""Pieces of work that run at once: all come to their end, then the first error is raised.

Owns that nothing is left running behind its caller, which a plain `gather` does on an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def all_of(work: Iterable[Awaitable[_T]]) -> list[_T]:
    """Await all; raises what the first of them (in order) raised. Cancelling cancels each."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    done: list[_T] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        done.append(outcome)
    return done
