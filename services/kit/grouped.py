"""Group commit: POSTs that come at once share a transaction, each once per `Idempotency-Key`.

Owns that an answer is durable before it is given, that one request never spoils another, and the
one look at the keys of a group. What a service refuses is refused to that one alone; what the
database refuses is found by halving. A key that another replica stores meanwhile makes the whole
group start again, and then it is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import asyncpg
from fastapi import Request
from fastapi.responses import Response

from services.kit import telemetry
from services.kit.db import UNREACHABLE
from services.kit.gathering import Gathering
from services.kit.idempotency import (
    ROLLED_BACK,
    TRIES,
    Answer,
    Asked,
    read_asked,
    replay,
    respond,
    to_rest,
)
from services.kit.rows import columns
from services.kit.unit import QUERIES, Entities, Unit

_What = TypeVar("_What")
_What_contra = TypeVar("_What_contra", contravariant=True)
_WIDTH: Final = 6
_HELD_UP_AT_ONCE: Final = 2
_BRIEFLY: Final = "250ms"
"""How long a group waits for a lock: one held up shall not hold up the others."""


class GroupLogic(Protocol[_What_contra]):
    """What a service gives: one answer or refusal each, in order; a refused one leaves nothing."""

    async def answer(
        self, unit: Unit, whats: Sequence[_What_contra]
    ) -> Sequence[Answer | Exception]: ...


class Ask(NamedTuple, Generic[_What]):
    """A request, and what it wants."""

    asked: Asked
    what: _What


class _Overtaken(Exception):
    """Another replica stored an answer under one of the keys meanwhile."""


class HeldUp(Exception):
    """Somebody holds what this request must lock; it waits alone, so that no other waits for it."""


_START_AGAIN: Final[tuple[type[Exception], ...]] = (*ROLLED_BACK, _Overtaken)


class Grouped(Generic[_What]):
    """The requests of one service that may share transactions."""

    def __init__(self, entities: Entities, logic: GroupLogic[_What]) -> None:
        self._entities = entities
        self._logic = logic
        self._gathering: Gathering[Ask[_What], Response] = Gathering(
            self.carry_out, _place, began=_measure
        )
        self._held_up = asyncio.Semaphore(_HELD_UP_AT_ONCE)

    async def post(self, request: Request, what: _What) -> Response:
        """Answer a request once it is durable; raises the fault that refuses it."""
        ask = Ask(await read_asked(request, self._entities.sealer), what)
        try:
            return await self._gathering.submit(ask)
        except HeldUp:
            async with self._held_up:
                (answer,) = await self.carry_out([ask])
            if isinstance(answer, Exception):
                raise answer from None
            return answer

    async def carry_out(self, asks: Sequence[Ask[_What]]) -> list[Response | Exception]:
        """One response or fault for each, in order. Raises what keeps all of them from it.

        Of several, one that is held up is answered `HeldUp`; one alone waits.
        """
        return await self._tried(asks, briefly=len(asks) > 1)

    async def _tried(
        self, asks: Sequence[Ask[_What]], *, briefly: bool
    ) -> list[Response | Exception]:
        found: Exception = _Overtaken()
        for _ in range(TRIES):
            try:
                return await self._transaction(asks, briefly=briefly)
            except UNREACHABLE:
                raise
            except _START_AGAIN as error:
                telemetry.RETRIES.labels(reason=type(error).__name__).inc()
                found = error
                if briefly and isinstance(error, asyncpg.LockNotAvailableError):
                    found = HeldUp()
                    break
            except Exception as error:
                found = error
                break
        return await self._halved(asks, found, briefly=briefly)

    async def _halved(
        self, asks: Sequence[Ask[_What]], error: Exception, *, briefly: bool
    ) -> list[Response | Exception]:
        if len(asks) == 1:
            return [error]
        middle = len(asks) // 2
        halves = (asks[:middle], asks[middle:])
        return [one for half in halves for one in await self._tried(half, briefly=briefly)]

    async def _transaction(
        self, asks: Sequence[Ask[_What]], *, briefly: bool
    ) -> list[Response | Exception]:
        async with self._entities.transaction(locks_first=True) as unit:
            if briefly:
                await unit.conn.execute(QUERIES["wait_briefly"], _BRIEFLY)
            known = await _known(unit, asks)
            fresh = [ask for ask in asks if _place(ask) not in known]
            answers = await self._logic.answer(unit, [ask.what for ask in fresh]) if fresh else []
            await _remember(unit, fresh, answers)
        new = iter(answers)
        return [
            replay(ask.asked, known[place], unit.sealer)
            if (place := _place(ask)) in known
            else _response(next(new))
            for ask in asks
        ]


def _measure(waits: Sequence[float]) -> None:
    telemetry.GROUP_REQUESTS.observe(len(waits))
    for wait_s in waits:
        telemetry.GROUP_WAIT.observe(wait_s)


def _place(ask: Ask[Any]) -> tuple[str, str] | None:
    """Under what an answer is stored; None for a request that has no key."""
    return None if ask.asked.key is None else (ask.asked.scope, ask.asked.key)


async def _known(
    unit: Unit, asks: Sequence[Ask[Any]]
) -> Mapping[tuple[str, str] | None, asyncpg.Record]:
    places = [place for place in map(_place, asks) if place is not None]
    if not places:
        return {}
    rows = await unit.conn.fetch(QUERIES["recall"], *columns(places))
    await unit.sealer.load(row["subject"] for row in rows if row["subject"])
    return {(row["scope"], row["key"]): row for row in rows}


async def _remember(
    unit: Unit, asks: Sequence[Ask[Any]], answers: Sequence[Answer | Exception]
) -> None:
    """Store what was answered under a key. Raises `_Overtaken`."""
    given = [
        (ask.asked, answer)
        for ask, answer in zip(asks, answers, strict=True)
        if ask.asked.key is not None and isinstance(answer, Answer)
    ]
    if not given:
        return
    await unit.sealer.load((a.subject for _, a in given if a.subject), create=True)
    rows = sorted(
        (*asked, answer.subject, answer.status, to_rest(asked, answer, unit.sealer))
        for asked, answer in given
    )
    stored = await unit.conn.fetch(QUERIES["store_answers"], *columns(rows, _WIDTH))
    if len(stored) < len(rows):
        raise _Overtaken


def _response(answer: Answer | Exception) -> Response | Exception:
    return answer if isinstance(answer, Exception) else respond(answer)
