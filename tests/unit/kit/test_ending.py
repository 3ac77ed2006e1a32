"""Ending a client: its own cancellation stays inside, ours goes through."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.ending import ended


async def test_a_stop_that_is_cancelled_by_its_own_tasks_ends_nobody_else() -> None:
    async def like_aiokafka() -> None:
        fetching = asyncio.ensure_future(asyncio.Event().wait())
        fetching.cancel()
        await fetching

    await ended(like_aiokafka())


async def test_a_stop_that_fails_ends_nobody_else() -> None:
    async def failing() -> None:
        raise OSError("away")

    await ended(failing())


async def test_our_own_cancellation_is_ours() -> None:
    begun = asyncio.Event()

    async def lasting() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(ended(lasting()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
