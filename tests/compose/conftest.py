"""The Compose project, once for all its tests: `make compose-test` asks for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.compose import Containers, compose_up, why_not

HERE = Path(__file__).parent
ASKED_FOR = os.environ.get("RECOURSE_TEST_COMPOSE") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip with the reason where nobody asked, or where it cannot be done."""
    ours = [item for item in items if HERE in item.path.parents]
    reason = why_not() if ASKED_FOR else "containers are tried by `make compose-test`"
    for item in ours:
        item.add_marker(pytest.mark.compose)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
async def containers() -> AsyncIterator[Containers]:
    """The whole project, healthy."""
    async with compose_up() as running:
        yield running
