"""What comes while work is under way is gathered and done together next: no timer, no waiting.

Owns order (first come, first done) and who is told what. With one caller each item is done alone
and at once; with many, those that came while the last ones were carried out share the next turn.
Knows nothing of transactions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_AT_ONCE: Final = 3
"""How many turns may be under way, where all but the last take too long."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[_Item, _Result]):
    item: _Item
    told: asyncio.Future[_Result]
    since: float
    """Seconds of the loop's own clock."""


def _nobody(_: Sequence[float]) -> None:
    """Whoever wants to know nothing."""


class Gathering(Generic[_Item, _Result]):
    """Gathers items and has them carried out together, `most` of them at a time.

    `carry_out` answers one result or exception for each item, in order. Two items with the same
    `key` (None: none) never share a turn: the later one shall see what the earlier one led to.
    A turn that takes longer than `patience_s` goes on, but no longer holds up the next. As each
    begins, `began` hears how many seconds each of its items has waited.
    """

    def __init__(
        self,
        carry_out: Callable[[Sequence[_Item]], Awaitable[Sequence[_Result | Exception]]],
        key: Callable[[_Item], Hashable | None],
        *,
        most: int = 128,
        patience_s: float = 0.1,
        began: Callable[[Sequence[float]], None] = _nobody,
    ) -> None:
        self._carry_out = carry_out
        self._key = key
        self._most = most
        self._patience_s = patience_s
        self._began = began
        self._waiting: deque[_Waiting[_Item, _Result]] = deque()
        self._working: asyncio.Task[None] | None = None
        self._turns: set[asyncio.Task[None]] = set()

    async def submit(self, item: _Item) -> _Result:
        """Have an item carried out; raises what became of it. Cancelling does not call it back."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[_Result] = loop.create_future()
        self._waiting.append(_Waiting(item, told, loop.time()))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await told

    async def _work(self) -> None:
        try:
            while self._waiting:
                turn = asyncio.create_task(self._turn(self._next()))
                self._turns.add(turn)
                turn.add_done_callback(self._turns.discard)
                await asyncio.wait({turn}, timeout=self._patience_s)
                if len(self._turns) >= _AT_ONCE:
                    await asyncio.wait(self._turns, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._working = None

    def _next(self) -> list[_Waiting[_Item, _Result]]:
        """Those that wait longest, but for one whose key is among them already."""
        taken: list[_Waiting[_Item, _Result]] = []
        later: list[_Waiting[_Item, _Result]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(taken) < self._most:
            one = self._waiting.popleft()
            key = self._key(one.item)
            (later if key in keys else taken).append(one)
            if key is not None:
                keys.add(key)
        self._waiting.extendleft(reversed(later))
        return taken

    async def _turn(self, turn: Sequence[_Waiting[_Item, _Result]]) -> None:
        now = asyncio.get_running_loop().time()
        self._began([now - one.since for one in turn])
        try:
            results = await self._carry_out([one.item for one in turn])
        except Exception as error:
            results = [error] * len(turn)
        except BaseException:
            for one in turn:
                one.told.cancel()
            raise
        for one, result in zip(turn, results, strict=True):
            _tell(one.told, result)


def _tell(told: asyncio.Future[_Result], result: _Result | Exception) -> None:
    if told.done():  # whoever asked has gone
        return
    if isinstance(result, Exception):
        told.set_exception(result)
    else:
        told.set_result(result)
