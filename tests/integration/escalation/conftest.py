"""Escalation on a database of its own, at 09:58 in Shanghai on 20 November 2026."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.escalation import escalation as running


@pytest.fixture
async def escalation(dsns: dict[str, str]) -> AsyncIterator[Escalation]:
    """One replica."""
    async with running(dsns) as replica:
        await replica.set_clock(NINE_FIFTY_EIGHT)
        yield replica
