"""What is injected when: a schedule drawn from a seed. Pure.

Owns the kinds of faults, how long each lasts and how often it comes. Injects nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

SERVICES: Final = ("intake", "escalation", "notifier")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its targets, how long it lasts, how often it comes beside the others."""

    targets: tuple[str, ...]
    shortest_s: float = 0.0
    longest_s: float = 0.0
    weight: int = 1
    needs: frozenset[str] = frozenset()


_APACHE: Final = frozenset({"apache"})
KINDS: Final[Mapping[str, Kind]] = {
    "kill": Kind(SERVICES, weight=8),
    "freeze": Kind(SERVICES, 1, 8, weight=3),
    "postgres_fast": Kind(("postgres",)),
    "postgres_immediate": Kind(("postgres",)),
    "postgres_kill": Kind(("postgres",)),
    "terminate_sessions": Kind(("postgres",), 1, 3, weight=2),
    "disk_full": Kind(("postgres",), 1, 4, needs=frozenset({"small_disk"})),
    "broker_kill": Kind(("kafka",), needs=_APACHE),
    "broker_stop": Kind(("kafka",), needs=_APACHE),
    "cut": Kind(("postgres", "kafka"), 0.5, 5, weight=2),
    "blackhole": Kind(("postgres", "kafka"), 1, 6, weight=2),
    "half_open": Kind(("postgres", "kafka"), 2, 8, weight=2),
    "slow": Kind(("postgres", "kafka"), 2, 8, weight=2),
    "smtp_slow": Kind(("smtp",), 2, 6),
    "smtp_cut": Kind(("smtp",), 1, 3),
    "dead_endpoint": Kind(("webhook",), 1, 4),
    "replica": Kind(SERVICES, 3, 10, weight=2),
    "clock_jump": Kind(("clock",), needs=frozenset({"flowing_clock"})),
}


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: `at` seconds after the start, for so many seconds."""

    at: float
    kind: str
    target: str
    lasts: float


def draw(
    seed: int, seconds: float, each_s: float, able: Collection[str], only: Collection[str] = ()
) -> list[Injection]:
    """A schedule: on average a fault each `each_s`; kinds that need what is not `able` are left."""
    random = Random(seed)
    kinds = [
        name
        for name, kind in KINDS.items()
        if kind.needs <= set(able) and (not only or name in only)
    ]
    weights = [KINDS[name].weight for name in kinds]
    found: list[Injection] = []
    at = random.uniform(0, 2 * each_s)
    while at < seconds:
        (name,) = random.choices(kinds, weights)
        kind = KINDS[name]
        lasts = random.uniform(kind.shortest_s, kind.longest_s)
        found.append(Injection(at, name, random.choice(kind.targets), lasts))
        at += random.uniform(0, 2 * each_s)
    return found
