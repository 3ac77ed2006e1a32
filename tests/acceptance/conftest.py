"""One running stack for each module of acceptance tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.desk import Desk
from tests.support.stack import RunningStack, recourse_up


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[RunningStack]:
    """A stack whose clock stands at Friday 2026-11-20 09:50 in Shanghai."""
    async with recourse_up() as running:
        yield running


@pytest.fixture(scope="module")
def desk(stack: RunningStack) -> Desk:
    """What people and backends do with the stack."""
    return Desk(stack)
