"""Requests that share a transaction, on a real PostgreSQL: each has its own answer and effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import Request
from fastapi.responses import Response
from prometheus_client import REGISTRY

from services.kit.faults import Refused
from services.kit.grouped import Ask, Grouped, HeldUp
from services.kit.idempotency import Answer, Asked
from services.kit.unit import Entities, Unit
from tests.support import kit


@dataclass(frozen=True)
class Word:
    """What a request says about an entity; two words are not taken."""

    entity: UUID
    text: str


@dataclass
class Words:
    """Says each word in its entity's stream."""

    groups: list[int] = field(default_factory=list)

    async def answer(self, unit: Unit, whats: Sequence[Word]) -> list[Answer | Exception]:
        self.groups.append(len(whats))
        await unit.lock([word.entity for word in whats], create=True)
        return [await self._one(unit, word) for word in whats]

    async def _one(self, unit: Unit, word: Word) -> Answer | Exception:
        if word.text == "refused":
            return Refused("not_legal")
        if word.text == "a NUL":
            await unit.conn.execute("SELECT $1::text", "\0")
        await kit.emit(unit, word.entity, word.text)
        position = unit.entities[word.entity].position("cases")
        return Answer(201, {"position": position}, subject=kit.SUBJECT)


@asynccontextmanager
async def grouped(dsns: dict[str, str]) -> AsyncIterator[tuple[Entities, Grouped[Word], Words]]:
    async with kit.entities(dsns, kit.WRITER) as entities:
        words = Words()
        yield entities, Grouped(entities, words), words


def ask(text: str, entity: UUID | None = None, key: str | None = None) -> Ask[Word]:
    asked = Asked("/words", key, text.encode())
    return Ask(asked, Word(entity or uuid4(), text))


def said(answer: Response | Exception) -> tuple[int, object]:
    assert isinstance(answer, Response), answer
    return answer.status_code, json.loads(bytes(answer.body)).get("position")


async def test_a_group_is_one_transaction_and_keeps_order(dsns: dict[str, str]) -> None:
    case = uuid4()
    async with grouped(dsns) as (entities, group, words):
        answers = await group.carry_out([ask(text, case) for text in "abc"])
        assert [said(answer) for answer in answers] == [(201, 1), (201, 2), (201, 3)]
        assert words.groups == [3]
        instants = await entities.db.fetch("SELECT DISTINCT at FROM log")
        assert len(instants) == 1


async def test_one_that_is_refused_spoils_no_other(dsns: dict[str, str]) -> None:
    async with grouped(dsns) as (entities, group, words):
        first, refused, last = await group.carry_out(
            [ask("a", key="1"), ask("refused", key="2"), ask("b", key="3")]
        )
        assert (said(first), said(last), words.groups) == ((201, 1), (201, 1), [3])
        assert isinstance(refused, Refused)
        rows = await entities.db.fetch("SELECT key FROM idempotency ORDER BY key")
        assert [row["key"] for row in rows] == ["1", "3"]


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_what_the_database_refuses_is_found_by_halving(
    dsns: dict[str, str], place: int
) -> None:
    texts = list("abcdef")
    texts.insert(place, "a NUL")
    async with grouped(dsns) as (entities, group, words):
        answers = await group.carry_out([ask(text, key=text) for text in texts])
        assert isinstance(answers[place], asyncpg.DataError)
        assert [said(a) for a in answers if not isinstance(a, Exception)] == [(201, 1)] * 6
        assert words.groups[0] == 7
        assert len(await entities.db.fetch("SELECT id FROM log")) == 6


async def test_a_known_key_is_answered_again_within_a_group(dsns: dict[str, str]) -> None:
    case = uuid4()
    async with grouped(dsns) as (_, group, _):
        (before,) = await group.carry_out([ask("a", case, "k")])
        again, new, other = await group.carry_out(
            [ask("a", case, "k"), ask("b", case, "l"), ask("a", case)]
        )
        assert said(again) == said(before) == (201, 1)
        assert [said(new), said(other)] == [(201, 2), (201, 3)]
        (reused,) = await group.carry_out([ask("c", case, "k")])
        assert said(reused)[0] == 422


async def test_two_replicas_that_are_asked_the_same_do_it_once(dsns: dict[str, str]) -> None:
    case = uuid4()
    async with grouped(dsns) as (entities, one, _), grouped(dsns) as (_, two, _):
        work = [
            group.carry_out([ask("a", case, f"k{n}"), ask("b", None, f"{name}{n}")])
            for n in range(20)
            for name, group in (("one", one), ("two", two))
        ]
        answers = await asyncio.gather(*work)
        positions = [said(first) for first, _ in answers]
        assert sorted(positions[::2]) == sorted(positions[1::2])
        assert {said(second) for _, second in answers} == {(201, 1)}
        rows = await entities.db.fetch("SELECT seq FROM log WHERE entity = $1 ORDER BY seq", case)
        assert [row["seq"] for row in rows] == list(range(1, 21))


async def test_one_that_is_held_up_holds_up_no_other(dsns: dict[str, str]) -> None:
    held = uuid4()
    async with grouped(dsns) as (entities, group, _):
        await group.carry_out([ask("a", held)])
        async with entities.db.transaction() as other:
            await other.execute("SELECT id FROM entity WHERE id = $1 FOR UPDATE", held)
            asks = [ask("b"), ask("b"), ask("b", held), ask("b")]
            answers = await group.carry_out(asks)
            assert [said(answers[number]) for number in (0, 1, 3)] == [(201, 1)] * 3
            assert isinstance(answers[2], HeldUp)
            first = asyncio.create_task(group.post(request("1"), Word(held, "c")))
            waiting = asyncio.create_task(group.post(request("2"), Word(held, "d")))
            assert said(await group.post(request("3"), Word(uuid4(), "e"))) == (201, 1)
            assert not first.done()
        positions = {said(answer) for answer in (await first, await waiting)}
        assert positions == {(201, 2), (201, 3)}


async def test_metrics_tell_how_many_came_together_and_how_long_they_waited(
    dsns: dict[str, str],
) -> None:
    names = ("group_requests_sum", "group_wait_seconds_count", "group_requests_count")
    before = [sample(name) for name in names]
    async with grouped(dsns) as (_, group, words):
        said_all = await asyncio.gather(
            *(group.post(request(f"{n}"), Word(uuid4(), "a")) for n in range(9))
        )
    assert {said(answer) for answer in said_all} == {(201, 1)}
    requests, waits, groups = (sample(name) - old for name, old in zip(names, before, strict=True))
    assert (requests, waits, groups) == (9, 9, len(words.groups))
    assert len(words.groups) < 9


def sample(name: str) -> float:
    return REGISTRY.get_sample_value(f"recourse_{name}") or 0.0


def request(key: str) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"idempotency-key", key.encode())]
    return Request({"type": "http", "method": "POST", "path": "/x", "headers": headers}, receive)
