"""Intake on a database of its own, at 10:00 in Shanghai on 20 November 2026."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.intake import TEN, Intake
from tests.support.intake import intake as running


@pytest.fixture
async def intake(dsns: dict[str, str]) -> AsyncIterator[Intake]:
    """One replica."""
    async with running(dsns) as replica:
        await replica.set_clock(TEN)
        yield replica
