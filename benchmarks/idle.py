"""Idle: what each service uses while all of them run and nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from benchmarks.ground import Ground, Place, bare_environment
from benchmarks.machine import usage
from benchmarks.measurement import Better, Row, Samples
from benchmarks.sizes import Sizes
from benchmarks.spawn import Spawned, spawned
from schemas.topics import SERVICES, TOPICS
from services.local.broker import KafkaProfile
from services.local.ports import free_port

_CPU_GOAL_PERCENT: Final = 1.0
_RSS_GOAL_MIB: Final = 150.0
_BARE: Final = "FastAPI + aiokafka that reads as the notifier"
Shares = dict[str, list[float]]


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """CPU (percent of a core) and memory of each service, beside a bare process that reads.

    The bare process reads the topics that the notifier reads, heartbeats included.
    """
    return await of_place(ground, await ground.place(), sizes, "")


async def of_place(ground: Ground, place: Place, sizes: Sizes, given: str) -> Sequence[Row]:
    """The same on a place that holds something already (`given` says what)."""
    async with contextlib.AsyncExitStack() as parts:
        running = {
            service: await parts.enter_async_context(place.service(service)) for service in SERVICES
        }
        running["bare"] = await parts.enter_async_context(_reader(ground, place))
        await asyncio.sleep(sizes.settle_s)
        shares = await _shares(running, sizes)
        memory = {name: usage(process.pid).rss_mib for name, process in running.items()}
    # The goal is set for Apache Kafka; the embedded broker must be asked far more often.
    on_apache = ground.broker.profile is KafkaProfile.APACHE
    cpu_goal = _CPU_GOAL_PERCENT if on_apache else None
    bare_cpu, bare_memory = Samples.of(shares["bare"]), Samples.of([memory["bare"]])
    rows = []
    for name in SERVICES:
        cpu, rss = Samples.of(shares[name]), Samples.of([memory[name]])
        rows += [
            Row(
                f"idle CPU of {name}{given}", "% core", cpu, _BARE, bare_cpu, Better.LOWER, cpu_goal
            ),
            Row(
                f"memory of {name}{given}",
                *("MiB", rss, _BARE, bare_memory, Better.LOWER, _RSS_GOAL_MIB),
            ),
        ]
    return rows


async def _shares(running: Mapping[str, Spawned], sizes: Sizes) -> Shares:
    """CPU seconds per second, in percent, of each process over each span."""
    shares: Shares = {name: [] for name in running}
    for _ in range(sizes.idle_spans):
        began = time.perf_counter()
        before = {name: usage(process.pid).cpu_s for name, process in running.items()}
        await asyncio.sleep(sizes.idle_s)
        span_s = time.perf_counter() - began
        for name, process in running.items():
            used_s = usage(process.pid).cpu_s - before[name]
            shares[name].append(100 * used_s / span_s)
    return shares


@contextlib.asynccontextmanager
async def _reader(ground: Ground, place: Place) -> AsyncIterator[Spawned]:
    port = free_port()
    topics = [place.prefix + row.name for row in TOPICS if "notifier" in row.readers]
    command = [
        *(sys.executable, "-m", "benchmarks.bare", "reader", str(port)),
        *(ground.broker.bootstrap, f"{place.prefix}bare", *topics),
    ]
    log = ground.folder / "reader.log"
    async with spawned(command, bare_environment(), port, log=log) as process:
        yield process
