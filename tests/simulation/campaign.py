"""Many histories, one after another: until one fails, a number is reached, or time is up.

Owns the search for a failing seed and the account of what was tried. Shrinks the first failure.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.history import History, Verdict, differences, drawn, judge, run
from tests.simulation.shrink import Fails, shrink


@dataclass
class Failure:
    """A seed whose history breaks a promise, and the least of it that still does."""

    seed: int
    history: History
    violations: list[str]

    def __str__(self) -> str:
        parts = [f"seed {self.seed} fails (replay it with SEED={self.seed}); the least of it:"]
        parts += [f"  input {each}" for each in self.history.script]
        parts += [f"  fault {each}" for each in self.history.faults]
        parts += [f"  order {self.history.order}"]
        parts += [f"  - {violation}" for violation in self.violations[:10]]
        return "\n".join(parts)


@dataclass
class Account:
    """What was tried."""

    histories: int = 0
    cpu_s: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.struck.items()))
        told = f"{self.histories} histories, {self.struck.total()} faults ({kinds}), "
        return told + f"{len(self.failures)} violations, {self.cpu_s:.0f} s of processor time"


async def verdict_on(seed: int) -> tuple[History, Verdict]:
    """The history of a seed and all that is wrong with it."""
    history, twin = await drawn(seed)
    if twin.violations:
        return History(history.script), twin
    verdict = await run(history)
    verdict.violations += differences(twin, verdict)
    return history, verdict


async def campaign(
    seeds: Iterable[int], for_s: float = float("inf"), *, most_failures: int = 1, least: bool = True
) -> Account:
    """Try seeds until enough have failed or time is up."""
    account = Account()
    until, began_cpu_s = time.monotonic() + for_s, time.process_time()
    for seed in seeds:
        if time.monotonic() > until or len(account.failures) >= most_failures:
            break
        history, verdict = await verdict_on(seed)
        account.histories += 1
        account.struck.update(f"{fault.point} {fault.kind}" for fault in verdict.struck)
        if verdict.violations:
            smaller = await shrink(history, _breaking(verdict)) if least else history
            found = (await judge(smaller)).violations or verdict.violations
            account.failures.append(Failure(seed, smaller, found))
        account.cpu_s = time.process_time() - began_cpu_s
    return account


def _breaking(verdict: Verdict) -> Fails:
    """Whether a history breaks one of the promises that were broken, not just any."""
    broken = {violation.partition(":")[0] for violation in verdict.violations}

    async def fails(history: History) -> bool:
        found = await judge(history)
        return any(violation.partition(":")[0] in broken for violation in found.violations)

    return fails
