"""Idempotency keys, problems and waiting, through a small application on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from services.kit import http
from services.kit.faults import Behind, Invalid, NotFound, Refused
from services.kit.idempotency import Answer, run_once
from services.kit.unit import Entities, Unit
from services.kit.waiting import wait_until
from tests.support import kit


class Body(BaseModel):
    word: str


def application(entities: Entities) -> FastAPI:
    app = FastAPI()
    http.install(app)

    @app.post("/things/{id}")
    async def post(request: Request, id: UUID, body: Body) -> Response:
        async def work(unit: Unit) -> Answer:
            if body.word == "refused":
                raise Refused("not_legal", extra={"statuses": ["open"]})
            await kit.emit(unit, id, body.word)
            position = unit.entities[id].position("cases")
            return Answer(201, {"position": position}, {"Location": "/x"}, kit.SUBJECT)

        return await run_once(request, entities, work)

    @app.get("/gone")
    async def gone() -> None:
        raise NotFound("no case 7")

    return app


@asynccontextmanager
async def client_of(entities: Entities) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(entities), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://kit") as client:
        yield client


async def test_the_same_key_does_it_once_even_at_once(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as entities, client_of(entities) as client:
        headers = {"Idempotency-Key": "k"}
        answers = await asyncio.gather(
            *(client.post(f"/things/{case}", json={"word": "a"}, headers=headers) for _ in range(6))
        )
        assert {(a.status_code, a.text, a.headers["location"]) for a in answers} == {
            (201, '{"position":1}', "/x")
        }
        other = await client.post(f"/things/{case}", json={"word": "b"}, headers=headers)
        assert other.status_code == 422
        assert other.json()["errors"][0]["pointer"] == "/Idempotency-Key"
        without = [await client.post(f"/things/{case}", json={"word": "a"}) for _ in range(2)]
        assert [answer.json()["position"] for answer in without] == [2, 3]


async def test_a_refused_command_is_decided_anew(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities, client_of(entities) as client:
        path, headers = f"/things/{uuid.uuid4()}", {"Idempotency-Key": "k"}
        for _ in range(2):
            answer = await client.post(path, json={"word": "refused"}, headers=headers)
            assert answer.status_code == 409
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["reason"] == "not_legal"
            assert answer.json()["statuses"] == ["open"]


async def test_stored_answers_are_sealed(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities, client_of(entities) as client:
        path, headers = f"/things/{uuid.uuid4()}", {"Idempotency-Key": "k"}
        await client.post(path, json={"word": "a"}, headers=headers)
        (row,) = await entities.db.fetch("SELECT answer FROM idempotency")
        assert b"position" not in row["answer"]


@pytest.mark.parametrize(
    ("content", "pointer"), [(b'{"word": 1}', "/word"), (b"{}", "/word"), (b"{oops", "")]
)
async def test_invalid_bodies_name_the_field(
    dsns: dict[str, str], content: bytes, pointer: str
) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities, client_of(entities) as client:
        headers = {"content-type": "application/json"}
        answer = await client.post(f"/things/{uuid.uuid4()}", content=content, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer
        assert (await client.get("/gone")).status_code == 404


async def test_waiting_for_a_position(dsns: dict[str, str]) -> None:
    case = uuid.uuid4()
    async with kit.entities(dsns, kit.WRITER) as entities:
        with pytest.raises(NotFound):
            await wait_until(entities, case, None, timeout_s=0.1)
        waiting = asyncio.create_task(wait_until(entities, case, "cases:1"))
        async with entities.transaction() as unit:
            await kit.emit(unit, case, "one")
        await waiting
        with pytest.raises(Behind):
            await wait_until(entities, case, "cases:2", timeout_s=0.1)
        with pytest.raises(Invalid):
            await wait_until(entities, case, "elsewhere:1")


async def test_a_text_that_the_database_cannot_keep_is_the_callers_mistake(
    dsns: dict[str, str],
) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities:
        app = FastAPI()
        http.install(app)

        @app.get("/kept")
        async def keep(as_: str) -> None:
            await entities.db.fetchrow(f"SELECT $1::{as_}", '"\\u0000"' if as_ == "jsonb" else "\0")

        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://kit") as client:
            for kept_as in ("text", "jsonb"):
                answer = await client.get("/kept", params={"as_": kept_as})
                assert answer.status_code == 422, kept_as
                assert answer.json()["errors"][0]["pointer"] == ""
