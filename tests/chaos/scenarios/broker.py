"""The broker is away for two minutes while reports keep coming; and a timer worker is killed.

Owns what is measured: what intake takes meanwhile, how long the rest needs afterwards, that nothing
a customer sees fires on stale knowledge, and how late timers are after a kill.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.collect import collect
from tests.chaos.evidence import Evidence, Span, data_of, name_of, seconds
from tests.chaos.judge import Violation, judge
from tests.chaos.lateness import RECOVERY_S
from tests.chaos.options import Options
from tests.chaos.packs import PATIENT
from tests.chaos.report import Result
from tests.chaos.steady import Steady, median_rate
from tests.chaos.world import Plan, World, replica, world
from tests.support.topics import watching

_AWAY_S = 120.0
_RATE = 200.0
_DRAIN_S = 60.0
_STALE_AFTER_S = 6.0
"""A stream is stale after 5 s; one more for the step of the timers that is under way."""
_DUE_S = PATIENT["money_safety"]["first_response"]
_NEXT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Outage:
    """From when to when the broker was away, in domain time, and what it cost."""

    begin: float
    end: float
    offered: int
    taken_meanwhile: int
    median: float
    drained_s: float | None


async def broker(options: Options) -> Result:
    """Two minutes (times `size`) at 200 reports a second; then a kill of one of two workers."""
    plan = Plan(options.state, options.kafka, PATIENT, flowing_clock=True)
    async with world(plan) as home, watching(home.stack) as records:
        early = await _open(home, "early", 5.0, 10.0 * min(1.0, options.size * 2))
        steady = Steady(
            home.services["intake"], options.rate or _RATE, "away", home.now_text, "refund"
        )
        outage = await _away(home, steady, _AWAY_S * options.size)
        watched, killed = await _kill_one_of_two(home)
        acks = [*early.acks, *steady.acks, *watched.acks]
        evidence = await collect(home, options.seed, acks, records, most_cases=300)
    lines, violations = _measured(outage, evidence, killed)
    return Result(
        evidence,
        [*judge(evidence), *violations, *fired_while_silent(evidence, outage.begin, outage.end)],
        Counter({"broker_away": 1, "kill": 1}),
        lines,
    )


async def _open(home: World, name: str, rate: float, seconds_: float) -> Steady:
    """Cases whose first response is due soon."""
    address, category = home.services["intake"], "unauthorised_transaction"
    steady = Steady(address, rate, name, home.now_text, category)
    running = asyncio.create_task(steady.run())
    await asyncio.sleep(seconds_)
    steady.stop()
    await running
    return steady


async def _away(home: World, steady: Steady, lasts_s: float) -> _Outage:
    offering = asyncio.create_task(steady.run())
    await asyncio.sleep(3)
    begin, began = home.now(), time.monotonic()
    home.proxies["kafka"].cut()
    await asyncio.sleep(lasts_s)
    taken, offered = len(steady.taken), steady.offered
    median = median_rate(steady.taken, began, time.monotonic() - 1)
    home.proxies["kafka"].heal()
    healed, end = time.monotonic(), home.now()
    steady.stop()
    await offering
    home.spans.append(Span("broker_away", "kafka", begin, end + 2 * RECOVERY_S))
    drained = (await home.client.post("/local/quiet", timeout=400)).status_code == 200
    drained_s = time.monotonic() - healed if drained else None
    return _Outage(begin, end, offered, taken, median, drained_s)


async def _kill_one_of_two(home: World) -> tuple[Steady, float]:
    """Kill -9 a timer worker while another lives and cases fall due; answers when (domain)."""
    async with replica(home, "escalation") as pid:
        first_due = home.now() + _DUE_S
        watched = await _open(home, "watched", 4.0, 12.0)
        await asyncio.sleep(max(0.0, first_due + 2.0 - home.now()))
        killed = home.now()
        os.kill(pid, signal.SIGKILL)
        home.spans.append(Span("kill", "escalation", killed, killed))
        await asyncio.sleep(14)
    return watched, killed


def _measured(
    outage: _Outage, evidence: Evidence, killed: float
) -> tuple[list[str], list[Violation]]:
    late = list(lateness_after(evidence, killed, killed + 10))
    drained = "never" if outage.drained_s is None else f"{outage.drained_s:.1f} s"
    away = (
        f"broker away for {outage.end - outage.begin:.0f} s: offered {outage.offered}, taken "
        f"meanwhile {outage.taken_meanwhile}, median {outage.median:.0f}/s; drained in {drained}"
    )
    timers = (
        f"timers due in the 10 s after a kill -9 of one of two workers: {len(late)}, "
        f"latest {max(late, default=0):.2f} s, first {late[0] if late else 0:.2f} s"
    )
    violations = []
    if outage.drained_s is None or outage.drained_s > _DRAIN_S:
        violations.append(Violation("drained_in_time", drained))
    if not late:
        violations.append(Violation("timers_after_kill", "none was due: nothing was shown"))
    elif late[0] > _NEXT_S:
        violations.append(Violation("timers_after_kill", f"the next was {late[0]:.1f} s late"))
    return [away, timers], violations


def lateness_after(evidence: Evidence, begin: float, end: float) -> Iterator[float]:
    """How late each clock was missed that was due between two instants, in order of due."""
    found: dict[tuple[object, ...], tuple[float, float]] = {}
    for one in evidence.seen:
        if name_of(one.event) == "clock.missed":
            data = data_of(one.event)
            due = seconds(data["due_at"])
            if begin <= due < end:
                place = (one.event.subject, data["clock"])
                found[place] = (due, seconds(one.event.recordedat) - due)
    yield from (late for _, late in sorted(found.values()))


def fired_while_silent(evidence: Evidence, begin: float, end: float) -> Sequence[Violation]:
    """Rungs entered by a clock while the stream was known to be silent."""
    return [
        Violation("nothing_on_stale_knowledge", f"case {one.event.subject} at {one.event.sequence}")
        for one in evidence.seen
        if name_of(one.event) == "rung.entered"
        and data_of(one.event)["by_role"] == "system"
        and data_of(one.event).get("clock")
        and begin + _STALE_AFTER_S < seconds(one.event.recordedat) < end
    ]
