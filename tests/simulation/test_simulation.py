"""Some histories in the ordinary suite; `make simulate` runs thousands, `make soak` many more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.campaign import campaign, verdict_on
from tests.simulation.history import run

SEEDS = range(1000, 1060)


async def test_no_promise_is_broken_whatever_goes_wrong() -> None:
    account = await campaign(SEEDS)
    assert not account.failures, str(account.failures[0])
    assert account.struck.total() > 100, "faults did strike"
    assert len(account.struck) > 15, "of nearly every kind"


async def test_a_history_replays_byte_for_byte() -> None:
    history, verdict = await verdict_on(7)
    again = await run(history)
    assert verdict.struck
    assert (again.digest, again.turns) == (verdict.digest, verdict.turns)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
async def test_it_replays_in_another_process_too(hash_seed: str) -> None:
    """Nothing may hang on the order of a set, which each process has its own."""
    _, verdict = await verdict_on(7)
    code = (
        "import asyncio; from tests.simulation.campaign import verdict_on;"
        "print(asyncio.run(verdict_on(7))[1].digest)"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert told.stdout.split()[-1] == verdict.digest
