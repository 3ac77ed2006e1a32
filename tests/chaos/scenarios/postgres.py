"""PostgreSQL restarts under load: fast, immediate, killed, in turn.

Owns what is measured: after how many seconds the reports taken in a second are again 90 % of the
median second of the 30 before, and that no service exits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace

from tests.chaos.collect import collect
from tests.chaos.inflict import Inflicter
from tests.chaos.judge import Violation, judge
from tests.chaos.options import Options
from tests.chaos.packs import PATIENT
from tests.chaos.report import Result
from tests.chaos.schedule import SERVICES, Injection
from tests.chaos.steady import Steady, median_rate, seconds_until
from tests.chaos.world import Plan, World, world
from tests.support.topics import watching

_WAYS = ("postgres_fast", "postgres_immediate", "postgres_kill")
_STEADY_S = 32.0
_AFTER_S = 8.0
_SHARE = 0.9
_WITHIN_S = 5.0
_RATE = 40.0


async def postgres(options: Options) -> Result:
    """Ten restarts (times `size`)."""
    restarts = max(1, round(10 * options.size))
    rate = options.rate or _RATE
    plan = Plan(options.state, options.kafka, PATIENT, flowing_clock=True)
    async with world(plan) as home, watching(home.stack) as records:
        pids = await _pids(home)
        inflicter = Inflicter(home, options.seed)
        steady = Steady(home.services["intake"], rate, "pg", home.now_text, "refund")
        offering = asyncio.create_task(steady.run())
        measured = [
            await _restart(inflicter, steady, _WAYS[number % len(_WAYS)])
            for number in range(restarts)
        ]
        steady.stop()
        await offering
        after = await _pids(home)
        evidence = await collect(home, options.seed, steady.acks, records, most_cases=300)
    violations = judge(evidence)
    violations += [Violation("back_in_time", line) for line, well in measured if not well]
    if after != pids:
        violations.append(Violation("no_process_exits", f"{pids} became {after}"))
    lines = [line for line, _ in measured] + [f"sent again: {steady.tries_again}"]
    return Result(evidence, violations, Counter(inflicter.done), lines)


async def _restart(inflicter: Inflicter, steady: Steady, way: str) -> tuple[str, bool]:
    await asyncio.sleep(_STEADY_S)
    hurt_at = time.monotonic()
    await inflicter.inject(replace(_HARM, kind=way))
    await asyncio.sleep(_AFTER_S + 1)
    median = median_rate(steady.taken, hurt_at - 30, hurt_at)
    back_s = seconds_until(steady.taken, hurt_at, _SHARE * median, _AFTER_S)
    first = min((at for at in steady.taken if at > hurt_at + 0.3), default=hurt_at + _AFTER_S)
    well = back_s is not None and back_s <= _WITHIN_S
    when = "not" if back_s is None else f"after {back_s:.1f} s"
    line = f"{way}: median {median:.0f}/s before; first answer after {first - hurt_at:.1f} s; "
    return f"{line}at {_SHARE:.0%} of it {when}", well


async def _pids(home: World) -> dict[str, int]:
    return {service: await home.pid(service) for service in SERVICES}


_HARM = Injection(0, "postgres_fast", "postgres", 0)
