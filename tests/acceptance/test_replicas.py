"""Two processes of each service work together: everything happens once, and one may die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.support.desk import Desk, report_of
from tests.support.kit import until
from tests.support.replica import Replica, second
from tests.support.stack import SERVICES, RunningStack
from tests.support.topics import everything_on_topics
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

STREAMS = ("cases", "escalations", "deliveries")


@pytest.fixture(scope="module")
async def replicas(stack: RunningStack) -> AsyncIterator[dict[str, Replica]]:
    """A second process of each service."""
    async with AsyncExitStack() as running:
        starting = (running.enter_async_context(second(stack, service)) for service in SERVICES)
        yield dict(zip(SERVICES, await asyncio.gather(*starting), strict=True))


async def _known(traffic: Traffic) -> list[str]:
    """The wave's cases, once the reports by Kafka are taken too."""
    found: list[str] = []

    async def all_there() -> bool:
        try:
            found[:] = await traffic.cases()
        except AssertionError:
            return False
        return True

    await until(all_there)
    return found


async def _settled(stack: RunningStack, traffic: Traffic, rungs: int) -> None:
    """Wait until each case is on so many rungs and all are told: quiet asks the first ones only."""

    cases = await _known(traffic)

    async def done() -> bool:
        ready = await stack.fetch(
            "SELECT (SELECT count(*) FROM escalation.log"
            "  WHERE type ~ 'rung.entered' AND entity = ANY($1::uuid[])) AS rungs,"
            " (SELECT count(*) FROM notifier.delivery WHERE status IN ('planned', 'sending'))"
            " + (SELECT count(*) FROM intake.unpublished)"
            " + (SELECT count(*) FROM escalation.unpublished)"
            " + (SELECT count(*) FROM notifier.unpublished) AS waiting,"
            " (SELECT count(*) FROM notifier.entity n JOIN escalation.entity e USING (id)"
            "  WHERE n.s1 <> e.s1 OR n.s2 <> e.o1) AS behind",
            cases,
        )
        row = ready[0]
        return bool(
            row["rungs"] == rungs * len(cases) and row["waiting"] == 0 and row["behind"] == 0
        )

    await until(done, 60)


async def test_everything_happens_once(
    stack: RunningStack, replicas: dict[str, Replica], desk: Desk
) -> None:
    traffic = Traffic(stack, "twice", number=16)
    await traffic.start()
    await _settled(stack, traffic, 1)
    answer = await stack.client.post("/local/clock", json={"advance": "PT20M"})
    assert answer.status_code == 200, answer.text
    await _settled(stack, traffic, 2)
    await traffic.check(await everything_on_topics(stack), STREAMS)
    mails = await desk.get("/local/mail")
    ids = [mail["headers"]["Message-ID"] for mail in mails]
    assert len(ids) == len(set(ids)), "nothing died, so nothing was mailed twice"


async def test_both_share_the_work_and_one_relays(
    stack: RunningStack, replicas: dict[str, Replica]
) -> None:
    for service, replica in replicas.items():
        first = (await stack.processes())[service]["pid"]
        rows = await stack.fetch(f"SELECT owner FROM {service}.lease WHERE name = 'relay'")
        (owner,) = [row["owner"] for row in rows]
        assert int(owner.rpartition(":")[2]) in {first, replica.pid}
        quiet = (await replica.client.get("/internal/quiet", params={"since": 0})).json()
        assert "consumer has no partitions" not in quiet["busy"], service


async def test_of_a_hundred_agents_at_two_replicas_one_holds_the_case(
    stack: RunningStack, replicas: dict[str, Replica], desk: Desk
) -> None:
    opened = await desk.report(report_of("two-desks"))
    path = f"/v1/ladders/{opened['id']}"
    for client in (stack.client, replicas["escalation"].client):
        known = await client.get(path, params={"after": opened["position"]})
        assert known.status_code == 200, known.text

    agents = [{"role": "agent", "id": f"A{number:04}", "name": "客服"} for number in range(100)]
    clients = [stack.client, replicas["escalation"].client] * 50
    answers = await asyncio.gather(
        *(
            client.post(f"{path}/commands", json={"command": "claim", "by": by})
            for client, by in zip(clients, agents, strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 99
    (holder,) = [answer.json()["holder"] for answer in answers if answer.status_code == 200]
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(refusal["reason"], refusal["holder"]["staff_number"]) for refusal in refusals} == {
        ("already_held", holder["staff_number"])
    }
    (record,) = (await desk.seen(opened["id"]))["holders"]
    assert record["staff_number"] == holder["staff_number"]


async def test_one_key_at_two_replicas_is_one_answer(
    stack: RunningStack, replicas: dict[str, Replica]
) -> None:
    headers = {"Idempotency-Key": "at-two-replicas"}
    answers = await asyncio.gather(
        *(
            client.post("/v1/cases", json=report_of("two-doors"), headers=headers)
            for client in (stack.client, replicas["intake"].client)
        )
    )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


async def test_when_one_dies_the_other_does_its_work(
    stack: RunningStack, replicas: dict[str, Replica]
) -> None:
    traffic = Traffic(stack, "survivor", number=8)
    sending = traffic.start()
    await traffic.under_way()
    for replica in replicas.values():
        os.kill(replica.pid, signal.SIGKILL)
    await sending
    await _settled(stack, traffic, 1)
    answer = await stack.client.post("/local/clock", json={"advance": "PT20M"})
    assert answer.status_code == 200, answer.text
    await _settled(stack, traffic, 2)
    await traffic.check(await everything_on_topics(stack), STREAMS)
