"""How much is measured: enough for a number to trust, or little, to try the benchmarks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Repetitions and amounts of every measurement."""

    starts: int = 5
    settle_s: float = 10
    idle_s: float = 20
    idle_spans: int = 3
    repetitions: int = 3
    reports_one_by_one: int = 400
    reports_at_once: int = 2000
    reports_of_many: int = 5000
    reports_by_kafka: int = 5000
    stream_cases: int = 4_000
    calm_per_s: int = 60
    calm_s: int = 20
    open_cases: int = 5_000
    crowd: int = 1_000_000
    slots: int = 60
    timed_s: int = 60
    additions: int = 50_000
    walks: int = 2_000
    peers: int = 400
    decisions: int = 10_000
    histories: int = 100_000


FULL = Sizes()
QUICK = Sizes(
    starts=1,
    settle_s=4,
    idle_s=5,
    idle_spans=1,
    repetitions=1,
    reports_one_by_one=100,
    reports_at_once=400,
    reports_of_many=800,
    reports_by_kafka=1500,
    stream_cases=400,
    calm_s=5,
    open_cases=500,
    crowd=20_000,
    slots=20,
    timed_s=8,
    additions=5_000,
    walks=300,
    peers=60,
    decisions=1_000,
    histories=2_000,
)
