"""`python -m benchmarks`: measure, print, and say what could not be measured (exit code 1).

Owns the options and the order. A missed goal is printed, and is no failure of the run.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import uvloop

from benchmarks import (
    business_time,
    decisions,
    ground,
    http_reports,
    idle,
    kafka_reports,
    peers,
    rungs,
    startup,
)
from benchmarks.ground import Ground
from benchmarks.machine import description, load_per_core
from benchmarks.measurement import NotMeasured, Row
from benchmarks.sizes import FULL, QUICK, Sizes
from benchmarks.table import show
from services.local.broker import KafkaProfile
from services.local.faults import StartFailed

Measure = Callable[[Ground, Sizes], Awaitable[Sequence[Row]]]
PURE: Final[Mapping[str, Callable[[Sizes], Sequence[Row]]]] = {
    "business-time": business_time.measure,
    "peers": peers.measure,
    "decisions": decisions.measure_core,
}
ON_GROUND: Final[Mapping[str, Measure]] = {
    "startup": startup.measure,
    "idle": idle.measure,
    "http": http_reports.measure,
    "kafka": kafka_reports.measure,
    "rungs": rungs.measure,
    "weight": decisions.measure_weight,
}


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--kafka", choices=[p.value for p in KafkaProfile], default="embedded")
    parser.add_argument("--only", choices=[*PURE, *ON_GROUND], help="one measurement")
    parser.add_argument("--quick", action="store_true", help="small amounts, to try it out")
    return parser.parse_args(arguments)


async def run(asked: argparse.Namespace) -> int:
    """Measure what was asked for and print it; 1 if any of it could not be measured."""
    load = load_per_core()
    sizes = QUICK if asked.quick else FULL
    rows: list[Row] = []
    missing: dict[str, str] = {}
    for name, pure in PURE.items():
        if asked.only in (None, name):
            rows += _measured(name, pure, sizes, missing)
    chosen = {n: m for n, m in ON_GROUND.items() if asked.only in (None, n)}
    if chosen:
        try:
            async with ground.running(KafkaProfile(asked.kafka)) as found:
                rows += await _measure_each(chosen, found, sizes, missing)
        except StartFailed as error:
            missing["everything that needs servers"] = str(error)
    surroundings = (
        f"{datetime.now(UTC):%Y-%m-%d}, {description()}",
        f"PostgreSQL 18 (embedded, durable), Kafka: {asked.kafka}"
        + (", quick: too little to rely on" if asked.quick else ""),
    )
    show(rows, missing, surroundings, load)
    return 1 if missing else 0


def _measured(
    name: str, measure: Callable[[Sizes], Sequence[Row]], sizes: Sizes, missing: dict[str, str]
) -> Sequence[Row]:
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    try:
        return measure(sizes)
    except NotMeasured as error:
        missing[name] = str(error)
        return ()


async def _measure_each(
    chosen: Mapping[str, Measure], found: Ground, sizes: Sizes, missing: dict[str, str]
) -> list[Row]:
    rows: list[Row] = []
    for name, measure in chosen.items():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            rows += await measure(found, sizes)
        except NotMeasured as error:
            missing[name] = str(error)
    return rows


def main() -> int:
    """Run until everything is printed."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return uvloop.run(run(options(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
