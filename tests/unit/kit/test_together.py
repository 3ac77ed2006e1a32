"""Work at once: an error waits until the others have ended."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.together import all_of


async def test_an_error_is_raised_after_the_others_have_ended() -> None:
    failed = asyncio.Event()
    ended: list[str] = []

    async def failing() -> str:
        failed.set()
        raise OSError("away")

    async def lasting() -> str:
        await failed.wait()
        await asyncio.sleep(0)
        ended.append("lasting")
        return "done"

    with pytest.raises(OSError, match="away"):
        await all_of([failing(), lasting()])
    assert ended == ["lasting"]


async def test_answers_come_in_the_order_of_the_work() -> None:
    async def answer(number: int) -> int:
        for _ in range(3 - number):
            await asyncio.sleep(0)
        return number

    assert await all_of(answer(number) for number in range(3)) == [0, 1, 2]


async def test_cancelling_ends_each() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def lasting() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.ensure_future(all_of([lasting()]))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
