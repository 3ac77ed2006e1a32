"""Carries faults out on a running world, and notes from when to when each lasted.

Owns how each kind of fault is done and undone. When they come is the schedule's business.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random

import asyncpg

from tests.chaos.evidence import Span
from tests.chaos.schedule import Injection
from tests.chaos.world import World, replica

_TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_SIGNALS = {
    "postgres_fast": signal.SIGINT,
    "postgres_immediate": signal.SIGQUIT,
    "postgres_kill": signal.SIGKILL,
    "broker_kill": signal.SIGKILL,
    "broker_stop": signal.SIGTERM,
    "kill": signal.SIGKILL,
}
_BALLAST = "ballast"


class Inflicter:
    """Injects what a schedule says. `done` counts by kind what was really injected."""

    def __init__(self, home: World, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._home = home
        self._random = Random(seed)
        self._busy: dict[str, asyncio.Lock] = {}

    async def run(self, schedule: Sequence[Injection]) -> None:
        """The whole schedule; returns when the last fault is over."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for each in schedule:
                await asyncio.sleep(max(0.0, began + each.at - time.monotonic()))
                group.create_task(self.inject(each))

    async def inject(self, fault: Injection) -> None:
        """One fault, from begin to end. Two of one target come one after the other."""
        lock = self._busy.setdefault(fault.target, asyncio.Lock())
        async with lock:
            begin = self._home.now()
            await self._hurt(fault)
            end = self._home.now()
            self.done[fault.kind] += 1
            self._home.spans.append(Span(fault.kind, fault.target, min(begin, end), end))

    async def _hurt(self, fault: Injection) -> None:
        if fault.kind in _SIGNALS:
            await self._home.send(fault.target, _SIGNALS[fault.kind])
        elif fault.kind in {"cut", "blackhole", "half_open", "slow", "smtp_slow", "smtp_cut"}:
            await self._on_the_road(fault)
        else:
            await getattr(self, f"_{fault.kind}")(fault)

    async def _on_the_road(self, fault: Injection) -> None:
        proxy = self._home.proxies[fault.target]
        kind = fault.kind.removeprefix("smtp_")
        if kind == "slow":
            proxy.slow(1.0 if fault.target == "smtp" else 0.05)
        else:
            {"cut": proxy.cut, "blackhole": proxy.blackhole, "half_open": proxy.half_open}[kind]()
        await asyncio.sleep(fault.lasts)
        proxy.heal()

    async def _freeze(self, fault: Injection) -> None:
        pid = await self._home.pid(fault.target)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(fault.lasts)
        os.kill(pid, signal.SIGCONT)

    async def _terminate_sessions(self, fault: Injection) -> None:
        until = time.monotonic() + fault.lasts
        while time.monotonic() < until:
            # The server itself may be away: another fault is at work.
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._home.execute(_TERMINATE)
            await asyncio.sleep(0.2)

    async def _disk_full(self, fault: Injection) -> None:
        ballast = self._home.stack.state / "postgres" / _BALLAST
        try:
            with ballast.open("wb") as file:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
        except OSError:
            await asyncio.sleep(fault.lasts)
        finally:
            ballast.unlink(missing_ok=True)

    async def _dead_endpoint(self, fault: Injection) -> None:
        self._home.endpoint.answer = (503, {})
        await asyncio.sleep(fault.lasts)
        self._home.endpoint.answer = (204, {})

    async def _replica(self, fault: Injection) -> None:
        async with replica(self._home, fault.target) as pid:
            await asyncio.sleep(fault.lasts)
            if self._random.random() < 0.5:
                os.kill(pid, signal.SIGKILL)

    async def _clock_jump(self, _: Injection) -> None:
        while True:
            try:
                await self._home.jump(self._random.choice((-2.0, -0.5, 3.0, 20.0)))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.2)
            else:
                return
