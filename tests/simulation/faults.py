"""What goes wrong in a history, and when: faults are data, so that they replay and shrink.

Owns the kinds, the points at which they strike, and how a plan of them is drawn from a seed. Each
point counts its own passes: the seventh commit of a history is always the seventh.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import asyncpg


class Crash(BaseException):
    """The process ends here, as by kill -9. Nothing may catch it but the world."""


class BrokerAway(Exception):
    """The broker does not take this now."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """At pass `at` of `point`, `kind` happens; `more` says how much of it."""

    point: str
    at: int
    kind: str
    more: int = 0

    def __str__(self) -> str:
        return f"{self.point}[{self.at}] {self.kind}" + (f" {self.more}" if self.more else "")


_STATEMENT: Final = ("crash_before", "crash_after", "lost_before", "lost_after", "deadlock")
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "call": _STATEMENT,
    "ack": ("crash",),
    "commit": ("crash_before", "crash_after", "lost_before", "lost_after"),
    "send": ("crash", "unacked", "refused", "twice"),
    "mail": ("crash", "fault", "unsaid"),
    "tick": (
        "rebalance", "zombie", "rewind", "stall", "restart", "silence", "forget", "clock_on",
        "clock_back", "echo", "leap",
    ),
}  # fmt: skip
_WEIGHTS: Final = {"call": 4, "ack": 1, "commit": 4, "send": 3, "mail": 1, "tick": 5}
_MOST: Final = 10


def draw(rng: random.Random, passes: Mapping[str, int]) -> tuple[Fault, ...]:
    """A plan for a history whose undisturbed run passed the points so often."""
    points = [point for point in KINDS if passes.get(point)]
    found = {}
    for _ in range(rng.randint(1, _MOST)):
        point = rng.choices(points, [_WEIGHTS[name] for name in points])[0]
        fault = Fault(
            point, rng.randrange(passes[point]), rng.choice(KINDS[point]), rng.randrange(8)
        )
        found[fault.point, fault.at] = fault
    return tuple(sorted(found.values()))


class Misfortune:
    """Strikes by a plan; counts the passes of every point while it is `awake`."""

    def __init__(self, plan: Iterable[Fault]) -> None:
        self._plan = {(fault.point, fault.at): fault for fault in plan}
        self.passes: Counter[str] = Counter()
        self.struck: list[Fault] = []
        self.awake = False

    def at(self, point: str) -> Fault | None:
        """The fault that strikes at this pass of a point."""
        if not self.awake:
            return None
        number = self.passes[point]
        self.passes[point] += 1
        fault = self._plan.pop((point, number), None)
        if fault is not None:
            self.struck.append(fault)
        return fault


def strike(fault: Fault | None, when: str) -> None:
    """Raise what a fault of a statement or commit means, if it is for `when`."""
    if fault is None or not (fault.kind.endswith(when) or fault.kind == "deadlock" != when):
        return
    if fault.kind.startswith("crash"):
        raise Crash(str(fault))
    if fault.kind.startswith("lost"):
        raise asyncpg.ConnectionDoesNotExistError(str(fault))
    if when == "before":
        raise asyncpg.DeadlockDetectedError(str(fault))
