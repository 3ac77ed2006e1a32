"""What customers, agents and backends do meanwhile, and what the system said it took.

Owns the stories and the acknowledgements. A sender tries again, with the same key, until it is
answered for good, as clients do.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.evidence import Ack
from tests.chaos.world import World
from tests.support.desk import report_of
from tests.support.topics import report_headers

Json = dict[str, Any]
_PASSING = (502, 503)
_CATEGORIES = ("funds_not_received", "refund", "app_fault", "unauthorised_transaction")
_AGENT = {"role": "agent", "id": "A1024", "name": "李四"}
_SENIOR = {"role": "agent", "id": "A2001", "name": "王芳"}
_ANSWERS = ("action.accepted", "action.done", "action.done", "action.refused")


class Load:
    """Stories of customers, at `rate` a second, until told to stop."""

    def __init__(self, home: World, seed: int, rate: float, name: str = "chaos") -> None:
        self.acks: list[Ack] = []
        self.refused: Counter[str] = Counter()
        self._home = home
        self._random = Random(seed)
        self._rate = rate
        self._name = name
        self._enough = asyncio.Event()
        self._kafka = Backends(home)

    def stop(self) -> None:
        """No more stories; those under way go on to their end."""
        self._enough.set()

    async def run(self) -> None:
        """Tell stories until stopped; returns when all are told."""
        number = 0
        answering = asyncio.create_task(self._kafka.answer_actions(self._random))
        try:
            async with asyncio.TaskGroup() as group:
                while not self._enough.is_set():
                    story = Random(f"{self._random.random()}")
                    group.create_task(self._story(f"{self._name}-{number}", story))
                    number += 1
                    with suppress(TimeoutError):
                        pause_s = self._random.expovariate(self._rate)
                        await asyncio.wait_for(self._enough.wait(), pause_s)
            self.acks += self._kafka.acks
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            await self._kafka.close()

    async def _story(self, name: str, random: Random) -> None:
        body = report_of(name, occurred_at=self._home.now_text())
        body["category"] = random.choice(_CATEGORIES)
        case_id = None
        if random.random() < 0.5:
            answer = await self.post("/v1/cases", body, name)
            case_id = str(answer["id"])
            self._ack("report", body["external_id"], case_id, answer, name)
        else:
            await self._kafka.send("report", body["external_id"], "case.reported", body)
        for step in random.sample((self._call, self._message, self._work), random.randint(0, 3)):
            await asyncio.sleep(random.uniform(0, 4))
            await step(name, body, case_id, random)

    async def _call(self, name: str, body: Json, case_id: str | None, random: Random) -> None:
        """The customer calls once more."""
        if case_id is None:
            return
        external_id = f"call-again-{name}"
        contact = {"channel": "chat", "direction": "inbound", "external_id": external_id}
        said = {"occurred_at": self._home.now_text(), **contact}
        answer = await self.post(f"/v1/cases/{case_id}/contacts", said, external_id)
        if answer.get("position"):
            self._ack("contact", external_id, case_id, answer, external_id)

    async def _message(self, name: str, body: Json, case_id: str | None, random: Random) -> None:
        """Another backend reports a contact of an existing case."""
        external_id = f"seen-{name}"
        address = {"source": body["source"], "external_id": body["external_id"]}
        contact = {"channel": "backend", "direction": "inbound", "external_id": external_id}
        said = {"case": address, "occurred_at": self._home.now_text(), "contact": contact}
        await self._kafka.send("contact", external_id, "contact.reported", said, case_id)

    async def _work(self, name: str, body: Json, case_id: str | None, random: Random) -> None:
        """An agent works on the case, sometimes to its end and back."""
        if case_id is None:
            return
        case, ladder = (
            f"/v1/cases/{case_id}/commands",
            f"/v1/ladders/{case_id}/commands?after=cases:1",
        )
        words: Json = {"text": "We are looking into it.", "channel": "email"}
        steps: list[tuple[str, Json]] = [
            (ladder, {"command": "claim", "by": random.choice((_AGENT, _SENIOR))}),
            (case, {"command": "reply", "by": _AGENT, **words}),
            (ladder, {"command": "request_action", "action": "trace", "by": _AGENT}),
            (case, {"command": "resolve", "outcome": "paid", "summary": "Paid.", "by": _AGENT}),
            (case, {"command": "reopen", "reason": "No.", "by": _customer(body)}),
            (case, {"command": "withdraw", "reason": "Enough.", "by": _customer(body)}),
        ]
        for number, (path, command) in enumerate(steps[: random.randint(1, len(steps))]):
            key = f"{name}-{number}"
            answer = await self.post(path, command, key)
            if answer.get("position"):
                self._ack(command["command"], key, case_id, answer, key)
            await asyncio.sleep(random.uniform(0, 2))

    async def post(self, path: str, body: Json, key: str) -> Json:
        """POST until it is answered for good; what was refused is counted by its reason."""
        while True:
            try:
                answer = await self._home.client.post(
                    path, json=body, headers={"Idempotency-Key": key}, timeout=15
                )
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code >= 500:
                if answer.status_code not in _PASSING:
                    self.refused[f"{path}: {answer.status_code} {answer.text[:80]}"] += 1
                await asyncio.sleep(0.1)
                continue
            return self._answered(answer, str(body.get("command", path)))

    def _answered(self, answer: httpx.Response, what: str) -> Json:
        try:
            content: Json = answer.json()
        except ValueError as error:
            raise AssertionError(f"{what}: {answer.status_code} {answer.text[:200]}") from error
        if answer.status_code >= 300:
            why = content.get("reason") or content.get("errors") or content.get("title")
            self.refused[f"{what}: {answer.status_code} {why}"] += 1
            return {}
        return content

    def _ack(self, what: str, external_id: str, case_id: str, answer: Json, key: str) -> None:
        self.acks.append(Ack(what, "http", external_id, case_id, answer.get("position"), key))


class Backends:
    """Other backends, straight at the broker: reports, and answers to what is asked of them."""

    def __init__(self, home: World) -> None:
        self.acks: list[Ack] = []
        self._home = home
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def send(
        self, what: str, external_id: str, kind: str, body: Json, case_id: str | None = None
    ) -> None:
        """One message on topic `reports`, until the broker has taken it."""
        headers = report_headers(external_id, kind)
        await self.produce("reports", external_id, json.dumps(body).encode(), headers)
        self.acks.append(Ack(what, "kafka", external_id, case_id))

    async def produce(
        self, topic: str, key: str, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """A record with acks=all, again until it is acknowledged."""
        while True:
            try:
                producer = await self._ready()
                await producer.send_and_wait(
                    f"{self._home.stack.prefix}{topic}", value, key=key.encode(), headers=headers
                )
            except (KafkaError, OSError):
                await asyncio.sleep(0.2)
            else:
                return

    async def answer_actions(self, random: Random) -> None:
        """Read topic `actions` for ever, and answer each request once or twice."""
        consumer = AIOKafkaConsumer(
            f"{self._home.stack.prefix}actions",
            bootstrap_servers=self._home.stack.kafka,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        await self._answer(record, random)
        finally:
            with suppress(asyncio.CancelledError):
                await consumer.stop()

    async def _answer(self, record: Any, random: Random) -> None:
        names = dict(record.headers)
        if b"action.requested" not in names.get("ce_type", b""):
            return
        action_id = json.loads(record.value)["action_id"]
        kind = random.choice(_ANSWERS)
        value = json.dumps({"action_id": action_id}).encode()
        headers = report_headers(f"{action_id}-{kind}", kind)
        for _ in range(random.choice((1, 1, 2))):
            await self.produce("actions-answered", action_id, value, headers)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._home.stack.kafka, acks="all", linger_ms=2
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Let the broker go."""
        if self._producer is not None:
            await self._producer.stop()


def _customer(body: Json) -> Json:
    return {"role": "customer", "id": body["customer"]["id"]}
