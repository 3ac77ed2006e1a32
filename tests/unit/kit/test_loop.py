"""A background loop whose step fails: it complains once, and no hint shortens its pause."""

from __future__ import annotations

import asyncio
import itertools

from structlog.testing import capture_logs

from services.kit.loop import BackgroundLoop
from tests.support.kit import until


async def test_hints_do_not_hurry_a_loop_that_fails_and_it_complains_once() -> None:
    calls: list[float] = []
    hinted = 0

    async def step() -> float:
        calls.append(asyncio.get_running_loop().time())
        raise OSError("away")

    loop = BackgroundLoop("relay", step)

    async def hint_until_five() -> bool:
        nonlocal hinted
        hinted += 1
        loop.wake.set()
        return len(calls) >= 5

    with capture_logs() as said:
        loop.start()
        await until(hint_until_five)
        await loop.stop()
    pauses = [later - earlier for earlier, later in itertools.pairwise(calls)]
    for number, pause_s in enumerate(pauses[:4], 1):
        assert pause_s >= 0.05 * 2**number * 0.7 - 0.01
    assert hinted > 2 * len(calls)
    assert [(line["event"], line["in_a_row"]) for line in said] == [("loop_failed", 1)]
