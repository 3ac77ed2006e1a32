"""Reports that keep coming while parts of the stack are killed, and what must be true afterwards.

Owns the senders, which try again as clients do, and the account of every case at the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaError

from tests.support.desk import Desk, Json, report_of
from tests.support.kit import until
from tests.support.stack import RunningStack
from tests.support.topics import backend, chains, names, send_report

ON_BOTH_ROADS = ("http", "kafka")
_AT_ONCE = 4
# Each is told by e-mail and in the inbox, a group by e-mail only.
EXPECTED_DELIVERIES = Counter(
    {
        ("case_received", "email"): 1,
        ("case_received", "in_app"): 1,
        ("rung_entered", "email"): 1,
        ("rung_entered", "in_app"): 1,
        ("group_brief", "email"): 1,
    }
)


@dataclass
class Traffic:
    """A wave of reports, each of another customer, sent by these roads in turn."""

    stack: RunningStack
    wave: str
    number: int = 12
    roads: Sequence[str] = ON_BOTH_ROADS
    sent: int = 0
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.stack)

    def start(self) -> asyncio.Task[None]:
        """Begin to send."""
        return asyncio.create_task(self._send_all(), name=f"traffic {self.wave}")

    async def under_way(self) -> None:
        """Wait until a third of the wave was taken."""

        async def enough() -> bool:
            return self.sent >= self.number // 3

        await until(enough)

    async def _send_all(self) -> None:
        now = (await self.desk.get("/local/clock"))["now"]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                body = report_of(self._name(number), occurred_at=now)
                await self._send(self.roads[number % len(self.roads)], number, body)
                self.sent += 1

        async with asyncio.TaskGroup() as group:
            for number in range(self.number):
                group.create_task(one(number))

    async def _send(self, road: str, number: int, body: Json) -> None:
        name = self._name(number)
        if road == "http":
            answer = await self.stack.persist(lambda: self.desk.post("/v1/cases", body, name))
            assert answer.status_code in {200, 201}, answer.text
            return
        while True:
            try:
                async with backend(self.stack) as producer:
                    await send_report(self.stack, producer, name, body)
            except KafkaError:
                continue
            return

    def _name(self, number: int) -> str:
        return f"{self.wave}-{number}"

    async def cases(self) -> list[str]:
        """The ids of the wave's cases: one for each report, no more."""
        found = []
        for number in range(self.number):
            customer = f"cust-{self._name(number)}"
            items = (await self.desk.get("/v1/cases", customer=customer))["items"]
            assert len(items) == 1, f"{customer}: {len(items)} cases"
            found.append(str(items[0]["id"]))
        return found

    async def check(self, records: Sequence[Any], topics: Sequence[str]) -> None:
        """Every case is decided by all services, told once, and its chains are whole."""
        cases = await self.cases()
        found = chains(records, cases, *topics)
        for case_id in cases:
            case = await self.desk.get(f"/v1/cases/{case_id}")
            ladder = await self.desk.seen(case_id, case["position"])
            climbed = [(rung["rung"], rung["visit"]) for rung in ladder["history"]]
            assert climbed == [("frontline", 1), ("senior", 1)], climbed
            await self._check_told(case_id, ladder["position"])
            ends = {"cases": case["position"], "escalations": ladder["position"]}
            for topic in topics:
                chain = found[topic, case_id]
                if topic in ends:
                    assert f"{topic}:{len(chain)}" == ends[topic]
            assert names(found["cases", case_id]) == ["case.opened"]

    async def _check_told(self, case_id: str, position: str) -> None:
        await self.desk.get("/v1/deliveries", case_id=case_id, after=position)
        deliveries = await self.desk.deliveries(case_id)
        told = Counter((each["template"], each["channel"]) for each in deliveries)
        assert told == EXPECTED_DELIVERIES, told
        assert {each["status"] for each in deliveries} == {"sent"}, deliveries
        mails = [mail for mail in await self.desk.get("/local/mail") if case_id in mail["subject"]]
        by_mail = sum(each["channel"] == "email" for each in deliveries)
        # A mail may be sent again after a kill, but then it is the same one to its reader.
        assert len({mail["headers"]["Message-ID"] for mail in mails}) == by_mail
