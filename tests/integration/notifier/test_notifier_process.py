"""The notifier as a process of its own, between a real broker, PostgreSQL, SMTP and a webhook."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from schemas import conversation
from services.kit.outlet import KafkaOutlet
from services.kit.relay import Relay
from services.local.broker import BrokerAddress
from services.local.ports import free_port
from tests.support import kit
from tests.support.http_endpoint import Endpoint, answering
from tests.support.kit import until
from tests.support.notifier_stories import CASE, case_opened, entered, ladder_moved, said, started
from tests.support.notifier_world import World, world
from tests.support.smtp_sink import Sink, serving

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with serving(sink):
        yield sink


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with answering() as server:
        yield server


@asynccontextmanager
async def running(environment: dict[str, str]) -> AsyncIterator[Process]:
    """The notifier, ready; ended by SIGTERM if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "run", "notifier", env=environment, cwd=ROOT
    )
    try:
        async with httpx.AsyncClient(base_url=_base(environment)) as client:

            async def ready() -> bool:
                assert process.returncode is None, "the notifier ended"
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _environment(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str, smtp_port: int
) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RECOURSE_DATABASE_DSN": dsns["notifier"],
        "RECOURSE_KEYS_DSN": dsns["keys"],
        "RECOURSE_MASTER_KEY": base64.b64encode(kit.MASTER).decode(),
        "RECOURSE_KAFKA_BOOTSTRAP": broker.bootstrap,
        "RECOURSE_KAFKA_PROFILE": broker.profile.value,
        "RECOURSE_TOPICS_PREFIX": prefix,
        "RECOURSE_HTTP_PORT": str(free_port()),
        "RECOURSE_SMTP_HOST": "127.0.0.1",
        "RECOURSE_SMTP_PORT": str(smtp_port),
        "RECOURSE_ALLOW_LOCAL_WEBHOOKS": "true",
    }


def _base(environment: dict[str, str]) -> str:
    return f"http://127.0.0.1:{environment['RECOURSE_HTTP_PORT']}"


@asynccontextmanager
async def published(
    here: World, dsns: dict[str, str], broker: BrokerAddress, prefix: str
) -> AsyncIterator[None]:
    """The upstream services' relays, running."""
    readers = {"cases": ("notifier",), "escalations": ("notifier",)}
    outlets, tasks = [], []

    async def relay_for_ever(relay: Relay) -> None:
        while True:
            await asyncio.sleep(min(0.02, await relay.step()))

    for entities in here.upstream.values():
        role = entities.streams.source
        outlets.append(KafkaOutlet(kit.settings(dsns, broker, prefix, role), f"relay-{role}"))
        relay = Relay(entities, outlets[-1], "me", readers)
        tasks.append(asyncio.create_task(relay_for_ever(relay)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for outlet in outlets:
            await outlet.rebuild()


async def test_it_tells_survives_a_kill_and_ends_cleanly(
    dsns: dict[str, str], broker: BrokerAddress, prefix: str, sink: Sink, endpoint: Endpoint
) -> None:
    environment = _environment(dsns, broker, prefix, sink.port)
    async with world(dsns) as here, published(here, dsns, broker, prefix):
        subject = here.subject_of("cust-1001")
        async with running(environment) as first:
            await _put_channels(_base(environment), endpoint.url)
            await here.emitted(CASE, case_opened(data_subject=subject))
            await here.emitted(CASE, started())
            await _until_mails(sink, 1)
            first.kill()
            await first.wait()
        reply = said(conversation.CustomerRepliedTo, channel="phone", text="正在查询")
        await here.emitted(CASE, reply)
        await here.emitted(CASE, ladder_moved(240))
        await here.emitted(CASE, entered("senior"))
        async with running(environment) as second:
            await _until_mails(sink, 4)  # two more for the customer, the brief for the group
            await _until_quiet(_base(environment))
            await _check_webhooks(_base(environment), endpoint, 3)
            await _ends_with_an_inbox_open(_base(environment), second)
    assert len({mail["Message-ID"] for mail in sink.mails}) == 4
    assert {mail["To"] for mail in sink.mails} == {
        "customer@example.com", "senior@wallet.example",
    }  # fmt: skip


async def _put_channels(base: str, hook: str) -> None:
    channels = [
        {"channel": "email", "address": "customer@example.com"},
        {"channel": "in_app"},
        {"channel": "webhook", "address": hook},
    ]
    async with httpx.AsyncClient(base_url=base) as client:
        answer = await client.put("/v1/recipients/cust-1001", json={"channels": channels})
    assert answer.status_code == 200


async def _until_mails(sink: Sink, count: int) -> None:
    async def arrived() -> bool:
        return len({mail["Message-ID"] for mail in sink.mails}) >= count

    await until(arrived)


async def _until_quiet(base: str) -> None:
    async with httpx.AsyncClient(base_url=base) as client:

        async def quiet() -> bool:
            report = (await client.get("/internal/quiet?since=0")).json()
            return not [what for what in report["busy"] if "fetched" not in what]

        await until(quiet)


async def _check_webhooks(base: str, endpoint: Endpoint, count: int) -> None:
    async with httpx.AsyncClient(base_url=base) as client:
        recipient = (await client.get("/v1/recipients/cust-1001")).json()
        items = (await client.get(f"/v1/deliveries?case_id={CASE}")).json()["items"]
    secret = recipient["channels"][2]["secret"]
    told = {headers["webhook-id"]: body for _, headers, body in endpoint.requests}
    for _, headers, body in endpoint.requests:
        Webhook(secret).verify(body, headers)
    sent = {item["key"] for item in items if item["channel"] == "webhook"}
    assert set(told) == sent
    assert len(sent) == count
    assert {item["status"] for item in items} == {"sent"}


async def _ends_with_an_inbox_open(base: str, process: Process) -> None:
    async with (
        httpx.AsyncClient(base_url=base, timeout=20) as client,
        client.stream("GET", "/v1/recipients/cust-1001/inbox") as answer,
    ):
        seen = 0
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                assert json.loads(line.removeprefix("data: "))["case_id"] == str(CASE)
                seen += 1
            if seen == 3:
                break
        process.send_signal(signal.SIGTERM)
        # uvicorn raises the signal again once everything is closed.
        assert await asyncio.wait_for(process.wait(), 10) in {0, -signal.SIGTERM}
