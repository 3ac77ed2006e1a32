"""Every kind of fault at once, by a seeded schedule; and kills alone, as many as asked.

Owns how long, how much load, and which faults this machine is able to have.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.chaos.collect import collect
from tests.chaos.inflict import Inflicter
from tests.chaos.judge import judge
from tests.chaos.load import Load
from tests.chaos.options import Options
from tests.chaos.packs import HURRY
from tests.chaos.report import Result
from tests.chaos.schedule import SERVICES, Injection, draw
from tests.chaos.world import Plan, World, world
from tests.support.topics import watching

_SMALL_DISK = "400m"
_SETTLE_S = 2.0
_RATE = 1.0
"""Stories a second: each case climbs in a hurry, and a mail for each step costs the sink too."""
_AT_WORK = 0.75
Hurt = Callable[[World, Inflicter], Awaitable[None]]


async def mixed(options: Options) -> Result:
    """All kinds, about one each 4 seconds."""
    able = {options.kafka, "flowing_clock"}
    with _small_disk(options.state) as reason:
        if reason is None:
            able.add("small_disk")
        schedule = draw(options.seed, options.seconds, 4.0, able)
        result = await _run(options, lambda _, inflicter: inflicter.run(schedule))
    if reason is not None:
        result.measured.append(f"skipped: disk full, {reason}")
    return result


async def kills(options: Options) -> Result:
    """`options.kills` kill -9 over all services, most of them at work, some while they start."""

    async def hurt(home: World, inflicter: Inflicter) -> None:
        longest_s = len(SERVICES) * options.seconds / max(1, options.kills)
        async with asyncio.TaskGroup() as group:
            for number, service in enumerate(SERVICES):
                share = len(range(number, options.kills, len(SERVICES)))
                random = Random(f"{options.seed} {service}")
                group.create_task(_kill(home, inflicter, random, service, share, longest_s))

    return await _run(options, hurt)


async def _kill(
    home: World, inflicter: Inflicter, random: Random, service: str, times: int, longest_s: float
) -> None:
    for _ in range(times):
        if random.random() < _AT_WORK:
            await home.service_ready(service)
        await asyncio.sleep(random.uniform(0, longest_s))
        await inflicter.inject(Injection(0, "kill", service, 0))


async def _run(options: Options, hurt: Hurt) -> Result:
    plan = Plan(options.state, options.kafka, HURRY, flowing_clock=True)
    async with world(plan) as home, watching(home.stack) as records:
        inflicter = Inflicter(home, options.seed)
        load = Load(home, options.seed, options.rate or _RATE)
        telling = asyncio.create_task(load.run())
        await asyncio.sleep(_SETTLE_S)
        await hurt(home, inflicter)
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
