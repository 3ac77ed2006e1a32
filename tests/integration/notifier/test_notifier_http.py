"""The notifier's HTTP, served for real: deliveries, recipients, the live inbox."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from schemas import case, conversation, escalation
from schemas.vocabulary import HolderReason
from services.kit import http
from services.notifier.api import router
from services.notifier.inbox import Bell, Inbox
from services.notifier.recipients import Recipients
from tests.support.kit import until
from tests.support.notifier_stories import (
    CASE,
    case_opened,
    entered,
    held_by,
    ladder_moved,
    on_rung,
    said,
    started,
)
from tests.support.notifier_world import World, world


@dataclass
class Served:
    """The notifier behind HTTP."""

    world: World
    client: httpx.AsyncClient
    bell: Bell
    server: uvicorn.Server


@asynccontextmanager
async def serving(here: World) -> AsyncIterator[Served]:
    bell = Bell()
    app = FastAPI()
    http.install(app)
    inbox = Inbox(here.notifier, bell)
    app.include_router(router(here.notifier, Recipients(here.notifier), inbox))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=3)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listening]))

        async def up() -> bool:
            return server.started

        await until(up)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, timeout=10) as client:
            yield Served(here, client, bell, server)
        server.should_exit = True
        await task


@pytest.fixture
async def served(dsns: dict[str, str]) -> AsyncIterator[Served]:
    async with world(dsns) as here, serving(here) as made:
        yield made


def opened(served: Served) -> case.CaseOpened:
    return case_opened(data_subject=served.world.subject_of("cust-1001"))


@asynccontextmanager
async def listening(
    served: Served, last_event_id: str | None = None, of: str = "cust-1001"
) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    """The inbox's events as a client reads them."""
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    url = f"/v1/recipients/{of}/inbox"
    async with served.client.stream("GET", url, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
        elif "data" in event:
            yield event
            event = {}


async def test_deliveries_are_listed_page_by_page_in_the_names_of_the_contract(
    served: Served,
) -> None:
    await served.world.hear(CASE, opened(served), started(), entered("senior"))
    await served.world.hear(uuid.uuid4(), opened(served), started())
    url = f"/v1/deliveries?case_id={CASE}&limit=2"
    answer = (await served.client.get(url)).json()
    items: list[dict[str, Any]] = answer["items"]
    while answer["next"]:
        answer = (await served.client.get(f"{url}&cursor={answer['next']}")).json()
        items += answer["items"]
    assert len(items) == len({item["id"] for item in items}) == 5
    first = items[0]
    assert {
        "id", "key", "event_id", "recipient", "channel", "template", "status", "attempts",
        "reason", "planned_at", "sent_at",
    } <= first.keys()  # fmt: skip
    assert (first["status"], first["channel"]) == ("planned", "email")
    assert first["recipient"] == str(served.world.subject_of("cust-1001"))
    assert datetime.fromisoformat(first["planned_at"]).tzinfo is not None
    everything = (await served.client.get("/v1/deliveries")).json()["items"]
    assert len(everything) == 7


@pytest.mark.parametrize("query", ["cursor=garbage", "cursor=LTE", "limit=0", "case_id=x"])
async def test_a_wrong_question_is_named(served: Served, query: str) -> None:
    answer = await served.client.get(f"/v1/deliveries?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == "/" + query.partition("=")[0]


async def test_a_recipient_is_what_they_stated_and_before_that_what_their_case_knows(
    served: Served,
) -> None:
    url = "/v1/recipients/cust-1001"
    assert (await served.client.get(url)).status_code == 404
    await served.world.hear(CASE, opened(served), started())
    known = (await served.client.get(url)).json()
    assert (known["source"], known["locale"], known["time_zone"]) == (
        "case", "zh-CN", "Asia/Shanghai",
    )  # fmt: skip
    assert known["channels"][0]["address"] == "customer@example.com"
    stated = {
        "locale": "en",
        "time_zone": "Europe/Paris",
        "channels": [
            {"channel": "in_app"},
            {"channel": "webhook", "address": "https://example.com/hook"},
        ],
        "quiet_hours": {"start": "22:00", "end": "07:30"},
        "preferences": {"holder_changed": ["in_app"]},
    }
    put = await served.client.put(url, json=stated)
    assert put.status_code == 200
    got = (await served.client.get(url)).json()
    assert got == put.json()
    assert (got["source"], got["locale"]) == ("stated", "en")
    assert got["preferences"] == {"holder_changed": ["in_app"]}
    secret = got["channels"][1]["secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    row = await served.world.notifier.db.fetchrow("SELECT * FROM recipient")
    assert row is not None
    assert b"example.com" not in row["stated"]


async def test_what_a_recipient_stated_decides_how_they_are_told(served: Served) -> None:
    webhook = "https://example.com/hook"
    await served.client.put(
        "/v1/recipients/cust-1001",
        json={
            "locale": "en",
            "channels": [{"channel": "in_app"}, {"channel": "webhook", "address": webhook}],
            "preferences": {"holder_changed": []},
        },
    )
    await served.client.put(
        "/v1/recipients/group:senior",
        json={"channels": [{"channel": "email", "address": "boss@example.com"}]},
    )
    held = on_rung(escalation.HolderChanged, staff_number="A1024", name="李四")
    await served.world.hear(CASE, opened(served), started(), held, entered("senior"))
    rows = await served.world.deliveries()
    told = [(row["channel"], row["template"], row["status"]) for row in rows]
    assert told[:3] == [
        ("in_app", "case_received", "sent"),
        ("webhook", "case_received", "planned"),
        ("in_app", "holder_changed", "suppressed"),
    ]
    assert rows[2]["reason"] == "opted_out"
    async with listening(served) as events:
        message = json.loads((await anext(events))["data"])
    assert message["subject"].startswith("We have received")
    assert message["language"] == "en"


async def test_an_agent_says_how_to_be_told_and_has_an_inbox(served: Served) -> None:
    url = "/v1/recipients/agent:A2001"
    assert (await served.client.get(url)).status_code == 404
    stated = {
        "locale": "en",
        "channels": [
            {"channel": "email", "address": "wang@wallet.example"},
            {"channel": "in_app"},
        ],
    }
    put = await served.client.put(url, json=stated)
    assert (put.status_code, put.json()["recipient"]) == (200, "agent:A2001")
    given = held_by("A2001", HolderReason.ASSIGNED, "senior")
    await served.world.hear(CASE, opened(served), started(), entered("senior"), given)
    rows = [row for row in await served.world.deliveries() if row["recipient"] == "agent:A2001"]
    assert [(row["channel"], row["template"]) for row in rows] == [
        ("email", "holder_brief"), ("in_app", "holder_brief"),
    ]  # fmt: skip
    async with listening(served, of="agent:A2001") as events:
        message = json.loads((await anext(events))["data"])
    assert message["subject"].startswith("For 王五, staff number A2001")
    read = await served.client.post(f"{url}/inbox/{message['id']}/read")
    assert read.json()["status"] == "confirmed"
    row = await served.world.notifier.db.fetchrow("SELECT * FROM recipient")
    assert row is not None
    assert b"wang" not in row["stated"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"channels": [{"channel": "email", "address": "nonsense"}]}, "/channels/0"),
        ({"channels": [{"channel": "pigeon"}]}, "/channels/0/channel"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"surprise": 1}, "/surprise"),
        ({"preferences": {"weather": []}}, "/preferences/weather/[key]"),
    ],
)
async def test_a_statement_that_cannot_be_is_named(
    served: Served, body: dict[str, Any], pointer: str
) -> None:
    answer = await served.client.put("/v1/recipients/cust-1001", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(pointer.removesuffix("/[key]"))
    assert "nonsense" not in answer.text


async def test_the_inbox_catches_up_goes_on_live_and_resumes(served: Served) -> None:
    here = served.world
    await here.hear(CASE, opened(served), started())
    async with listening(served) as events:
        first = await anext(events)
        message = json.loads(first["data"])
        assert message["case_id"] == str(CASE)
        assert str(CASE) in message["text"]
        assert message["read"] is False
        reply = said(conversation.CustomerRepliedTo, channel="phone", text="正在查询")
        await here.hear(CASE, reply, ladder_moved(240))
        served.bell.ring()
        second = await anext(events)
        assert "正在查询" in json.loads(second["data"])["text"]
    async with listening(served, first["id"]) as events:
        assert (await anext(events))["id"] == second["id"]
    async with listening(served, "not-an-id") as events:
        assert (await anext(events))["id"] == first["id"]


async def test_reading_a_message_confirms_it_once(served: Served) -> None:
    here = served.world
    await here.hear(CASE, opened(served), started())
    async with listening(served) as events:
        id = (await anext(events))["id"]
    url = f"/v1/recipients/cust-1001/inbox/{id}/read"
    for _ in range(2):
        answer = await served.client.post(url, headers={"idempotency-key": "k"})
        assert answer.status_code == 200
        assert answer.json()["status"] == "confirmed"
    assert (await here.said()).count("delivery.confirmed") == 1
    async with listening(served) as events:
        assert json.loads((await anext(events))["data"])["read"] is True
    elsewhere = f"/v1/recipients/cust-9/inbox/{id}/read"
    assert (await served.client.post(elsewhere)).status_code == 404


async def test_an_open_inbox_does_not_hold_up_the_end(served: Served) -> None:
    await served.world.hear(CASE, opened(served), started())
    async with listening(served) as events:
        await anext(events)
        served.server.should_exit = True
        with pytest.raises((StopAsyncIteration, httpx.RemoteProtocolError)):
            await anext(events)
