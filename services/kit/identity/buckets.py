"""Rate limits: a token bucket per caller, in the memory of this process.

Owns the arithmetic and the bound of its memory. Replicas do not know of each other: n of them
let n times as much through.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

_MOST: Final = 10_000


class Buckets:
    """`rate` requests a second for each caller, after a burst. A rate of 0 does not limit."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """Count one request; answers in how many seconds it would be taken, 0 if it is."""
        left = self._filled(who)
        taken = left >= 1 or not self._rate
        self._left[who] = (left - taken, self._clock())
        if len(self._left) > _MOST:
            del self._left[next(iter(self._left))]  # the one that was not seen for longest
        return 0.0 if taken else (1 - left) / self._rate

    def wait_of(self, who: str) -> float:
        """In how many seconds a request would be taken, without counting one."""
        left = self._filled(who)
        self._left[who] = (left, self._clock())
        return 0.0 if left >= 1 or not self._rate else (1 - left) / self._rate

    def _filled(self, who: str) -> float:
        left, at = self._left.pop(who, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._rate)
