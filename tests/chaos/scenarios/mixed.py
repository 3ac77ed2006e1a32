"""Every kind of fault at once, by a seeded schedule; and kills alone, as many as asked.

Owns how long, how much load, and which faults this machine is able to have.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.collect import collect
from tests.chaos.inflict import Inflicter
from tests.chaos.judge import judge
from tests.chaos.load import Load
from tests.chaos.options import Options
from tests.chaos.packs import HURRY
from tests.chaos.report import Result
from tests.chaos.schedule import Injection, draw
from tests.chaos.world import Plan, world
from tests.support.topics import watching

_SMALL_DISK = "400m"
_SETTLE_S = 2.0


async def mixed(options: Options) -> Result:
    """All kinds, about one each 4 seconds."""
    able = {options.kafka, "flowing_clock"}
    with _small_disk(options.state) as reason:
        if reason is None:
            able.add("small_disk")
        schedule = draw(options.seed, options.seconds, 4.0, able)
        result = await _run(options, schedule)
    if reason is not None:
        result.measured.append(f"skipped: disk full, {reason}")
    return result


async def kills(options: Options) -> Result:
    """`options.kills` kill -9 at random instants, over all services."""
    each_s = options.seconds / max(1, options.kills)
    schedule = draw(options.seed, options.kills * each_s * 4, each_s, set(), ("kill",))
    return await _run(options, schedule[: options.kills])


async def _run(options: Options, schedule: Sequence[Injection]) -> Result:
    plan = Plan(options.state, options.kafka, HURRY, flowing_clock=True)
    async with world(plan) as home, watching(home.stack) as records:
        inflicter = Inflicter(home, options.seed)
        load = Load(home, options.seed, options.rate or 2.0)
        telling = asyncio.create_task(load.run())
        await asyncio.sleep(_SETTLE_S)
        await inflicter.run(schedule)
        load.stop()
        await home.healed()
        await telling
        evidence = await collect(home, options.seed, load.acks, records)
    measured = [f"refused, as they should: {dict(load.refused)}"]
    return Result(evidence, judge(evidence), inflicter.done, measured)


@contextmanager
def _small_disk(state: Path) -> Iterator[str | None]:
    """A small file system under PostgreSQL's data; answers why not, where it cannot be."""
    if os.geteuid() != 0:
        yield "mounting needs root"
        return
    place = state / "postgres"
    place.mkdir(exist_ok=True)
    options = f"size={_SMALL_DISK}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        yield f"mount: {mounted.stderr.decode().strip()}"
        return
    try:
        yield None
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
