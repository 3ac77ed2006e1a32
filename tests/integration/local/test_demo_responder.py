"""The backend that answers in the demo: the example responder as a child, and waiting for it."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.local.broker import Broker
from services.local.demo import responder
from services.local.demo.client import Api
from services.local.demo.faults import DemoFailed
from services.local.demo.responder import responding, until_answered
from services.local.demo.stage import Stage

CASE, ACTION = "11111111-1111-5111-8111-111111111111", "33333333-3333-5333-8333-333333333333"
SIMULATED = datetime(2020, 1, 1, tzinfo=UTC)


def request() -> tuple[bytes, list[tuple[str, bytes]]]:
    """Asked by a stack whose clock is years behind ours."""
    soon = (SIMULATED + timedelta(hours=1)).isoformat()
    value = {
        "action_id": ACTION, "action": "freeze", "idempotency_key": ACTION,
        "requested_at": SIMULATED.isoformat(), "due_at": soon, "expires_at": soon,
    }  # fmt: skip
    headers = {
        "ce_type": "recourse.action.requested.v1",
        "ce_subject": CASE,
        "ce_recordedat": SIMULATED.isoformat(),
    }
    return json.dumps(value).encode(), [(name, text.encode()) for name, text in headers.items()]


async def test_it_answers_on_simulated_time_and_is_gone_afterwards(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    value, headers = request()
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        await producer.send_and_wait(f"{prefix}actions", value, headers=headers)
    answered = AIOKafkaConsumer(
        f"{prefix}actions-answered",
        bootstrap_servers=broker.bootstrap,
        auto_offset_reset="earliest",
    )
    await answered.start()
    async with responding(Stage("", broker.bootstrap, prefix, tmp_path)):
        told = [dict((await answered.getone()).headers)["ce_type"] for _ in range(2)]
    await answered.stop()
    assert told == [b"action.accepted", b"action.done"]
    assert (tmp_path / "responder.log").read_text().endswith("ended\n")


async def test_a_responder_that_gave_up_fails_the_demo(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    async def play() -> None:
        async with responding(Stage("", broker.bootstrap, prefix, tmp_path)) as child:
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()

    with pytest.raises(DemoFailed, match=f"ended with -{signal.SIGKILL.value}"):
        await play()


def api_with(*answers: list[str]) -> Api:
    """An API that shows the states of a case's actions, another time each time."""
    rounds = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == f"/v1/ladders/{CASE}/actions"
        states = rounds.pop(0) if len(rounds) > 1 else rounds[0]
        items: list[dict[str, Any]] = [{"state": state} for state in states]
        return httpx.Response(200, json={"items": items, "next": None})

    client = httpx.AsyncClient(base_url="http://stack", transport=httpx.MockTransport(answer))
    return Api(client)


async def test_time_waits_for_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    await until_answered(api_with([]), [CASE])
    await until_answered(api_with(["requested"], ["accepted", "done"], ["done", "refused"]), [CASE])
    monkeypatch.setattr(responder, "_PATIENCE_S", 0.0)
    with pytest.raises(DemoFailed, match=CASE):
        await until_answered(api_with(["accepted"]), [CASE])
