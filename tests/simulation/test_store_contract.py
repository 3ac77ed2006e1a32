"""The store in memory does what PostgreSQL does: the same histories leave the same in both.

A statement that changed in a service's `queries.sql`, and not in memory, is found here.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.simulation.history import drawn, run
from tests.simulation.store.contract import Instant, Store
from tests.simulation.store.memory import STATEMENTS
from tests.simulation.store.postgres import in_postgres
from tests.simulation.stores import in_memory

SEEDS = (8, 17, 26, 35, 44)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_same_history_leaves_the_same_in_both(seed: int, dsns: dict[str, str]) -> None:
    history, _ = await drawn(seed)
    fast = await run(history)
    real = await run(history, partial(in_postgres, dsns))
    assert real.violations == fast.violations == []
    assert real.struck == fast.struck
    assert real.state == fast.state
    # Not the number of turns: PostgreSQL promises no order among what is due at one instant.


async def test_most_statements_are_run_by_some_history() -> None:
    ran: set[str] = set()
    for seed in (*SEEDS, *range(100, 260, 8)):
        ran |= (await _statements_of(seed)) & STATEMENTS.keys()
    never = {text.split("\n", 2)[0] for text in STATEMENTS.keys() - ran}
    assert len(never) <= len(STATEMENTS) // 8, never


async def _statements_of(seed: int) -> set[str]:
    ran: set[str] = set()

    class Noting:
        """A store that remembers what it was asked."""

        def __init__(self, inner: Store) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def run(self, statement: str, arguments: object) -> object:
            ran.add(statement)
            return await self._inner.run(statement, arguments)  # type: ignore[arg-type]

    async def noting(time: Instant) -> dict[str, Store]:
        return {name: Noting(inner) for name, inner in (await in_memory(time)).items()}  # type: ignore[misc]

    history, _ = await drawn(seed)
    await run(history, noting)
    return ran
