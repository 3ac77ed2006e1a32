"""`python -m benchmarks`: measure, print, and say what could not be measured (exit code 1).

Owns the options and the order. A missed goal is printed, and is no failure of the run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import uvloop

from benchmarks import (
    business_time,
    crowd,
    decisions,
    ground,
    http_reports,
    idle,
    kafka_reports,
    peers,
    rehearsal,
    startup,
    streams,
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
    "rehearsal": rehearsal.measure,
}
ON_GROUND: Final[Mapping[str, Measure]] = {
    "startup": startup.measure,
    "idle": idle.measure,
    "http": http_reports.measure,
    "kafka": kafka_reports.measure,
    "streams": streams.measure,
    "crowd": crowd.measure,
    "weight": decisions.measure_weight,
}


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--kafka", choices=[p.value for p in KafkaProfile], default="embedded")
    parser.add_argument("--only", choices=[*PURE, *ON_GROUND], help="one measurement")
    parser.add_argument("--quick", action="store_true", help="small amounts, to try it out")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    return parser.parse_args(arguments)


@dataclass(slots=True)
class Outcome:
    """What was measured so far, and what could not be."""

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Sequence[Row]) -> None:
        """Keep rows, and tell them at once: the whole takes minutes."""
        self.rows += rows
        for row in rows:
            said = f"  {row.what}: {row.ours.text()} {row.unit}, {row.baseline_name}: "
            print(said + row.baseline.text(), file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def noting(self, name: str) -> Iterator[None]:
        """Say what is measured now; note why, if it cannot be."""
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            yield
        except NotMeasured as error:
            self.missing[name] = str(error)


async def run(asked: argparse.Namespace) -> int:
    """Measure what was asked for and print it; 1 if any of it could not be measured.

    When it is ended early, what was measured until then is printed.
    """
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _task().cancel)
    load = load_per_core()
    outcome = Outcome()
    try:
        await _measure(asked, outcome)
    except StartFailed as error:
        outcome.missing["everything that needs servers"] = str(error)
    except asyncio.CancelledError:
        outcome.missing["the rest"] = "ended before it was measured"
    surroundings = (
        f"{datetime.now(UTC):%Y-%m-%d}, {description()}",
        f"PostgreSQL 18 (embedded, durable), Kafka: {asked.kafka}"
        + (", quick: too little to rely on" if asked.quick else ""),
    )
    show(outcome.rows, outcome.missing, surroundings, load, markdown=asked.markdown)
    return 1 if outcome.missing else 0


async def _measure(asked: argparse.Namespace, outcome: Outcome) -> None:
    sizes = QUICK if asked.quick else FULL
    for name, pure in PURE.items():
        if asked.only in (None, name):
            with outcome.noting(name):
                outcome.add(pure(sizes))
    chosen = {n: m for n, m in ON_GROUND.items() if asked.only in (None, n)}
    if not chosen:
        return
    async with ground.running(KafkaProfile(asked.kafka), outcome.add) as found:
        for name, measure in chosen.items():
            with outcome.noting(name):
                outcome.add(await measure(found, sizes))


def _task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def main() -> int:
    """Run until everything is printed."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return uvloop.run(run(options(sys.argv[1:])))


if __name__ == "__main__":
    sys.exit(main())
