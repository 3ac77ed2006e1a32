"""What comes while work is under way shares the next turn; each is told its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.kit.gathering import Gathering


class Works:
    """Carries out turns when told to, and notes who shared one."""

    def __init__(self) -> None:
        self.turns: list[list[str]] = []
        self.gate = asyncio.Event()

    async def __call__(self, items: Sequence[str]) -> list[str | Exception]:
        self.turns.append(list(items))
        await self.gate.wait()
        if "all" in items:
            raise OSError("nobody is there")
        return [ValueError(item) if item == "bad" else item.upper() for item in items]


def initial(item: str) -> str | None:
    return None if item.startswith("-") else item[0]


async def given(works: Works, *items: str, **how: float) -> list[str | BaseException]:
    """One item, and the others while it is carried out."""
    gathering: Gathering[str, str] = Gathering(works, initial, **how)  # type: ignore[arg-type]
    first, *others = items
    asked = [asyncio.ensure_future(gathering.submit(first))]
    while not works.turns:
        await asyncio.sleep(0)
    asked += [asyncio.ensure_future(gathering.submit(item)) for item in others]
    await asyncio.sleep(0)
    works.gate.set()
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_what_came_meanwhile_shares_a_turn_in_order() -> None:
    works = Works()
    assert await given(works, "a", "b", "c", "d") == ["A", "B", "C", "D"]
    assert works.turns == [["a"], ["b", "c", "d"]]


async def test_how_many_and_how_long_they_waited_is_told_as_a_turn_begins() -> None:
    works = Works()
    began: list[Sequence[float]] = []
    gathering: Gathering[str, str] = Gathering(works, initial, began=began.append)
    asked = [asyncio.ensure_future(gathering.submit("a"))]
    while not works.turns:
        await asyncio.sleep(0)
    assert [len(waits) for waits in began] == [1]
    asked += [asyncio.ensure_future(gathering.submit(item)) for item in "bc"]
    await asyncio.sleep(0)
    works.gate.set()
    await asyncio.gather(*asked)
    assert [len(waits) for waits in began] == [1, 2]
    # Who came first has waited longest.
    assert list(began[1]) == sorted(began[1], reverse=True)
    assert began[1][-1] >= 0


async def test_a_turn_takes_no_more_than_so_many() -> None:
    works = Works()
    await given(works, "a", "b", "c", "d", most=2)
    assert works.turns == [["a"], ["b", "c"], ["d"]]


async def test_two_of_one_key_follow_each_other() -> None:
    works = Works()
    await given(works, "a", "b1", "b2", "c", "b3", "-", "-")
    assert works.turns == [["a"], ["b1", "c", "-", "-"], ["b2"], ["b3"]]


async def test_a_refusal_is_told_to_that_one_alone() -> None:
    first, bad, last = await given(Works(), "a", "bad", "c")
    assert (first, last) == ("A", "C")
    assert isinstance(bad, ValueError)


async def test_what_ends_a_turn_is_told_to_all_of_it_and_the_next_is_taken() -> None:
    works = Works()
    first, *ended, last = await given(works, "b", "all", "x", "another")
    assert (first, last) == ("B", "ANOTHER")
    assert [type(each) for each in ended] == [OSError, OSError]


async def test_a_turn_that_takes_long_holds_up_nobody() -> None:
    works = Works()
    gathering: Gathering[str, str] = Gathering(works, initial, patience_s=0)
    asked = [asyncio.ensure_future(gathering.submit("slow"))]
    while not works.turns:
        await asyncio.sleep(0)
    asked.append(asyncio.ensure_future(gathering.submit("fast")))
    while len(works.turns) < 2:
        await asyncio.sleep(0)
    works.gate.set()
    assert await asyncio.gather(*asked) == ["SLOW", "FAST"]


async def test_whoever_goes_away_spoils_nothing() -> None:
    works = Works()
    gathering: Gathering[str, str] = Gathering(works, initial)
    gone, stays = (asyncio.ensure_future(gathering.submit(item)) for item in "ab")
    while not works.turns:
        await asyncio.sleep(0)
    gone.cancel()
    works.gate.set()
    assert await stays == "B"
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await gathering.submit("c") == "C"
