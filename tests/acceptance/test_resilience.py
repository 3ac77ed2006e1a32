"""Whatever is killed or restarted while cases are in flight: all reconnects, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from tests.conftest import KAFKA
from tests.support.desk import Desk
from tests.support.kit import until
from tests.support.stack import SERVICES, RunningStack
from tests.support.topics import (
    ask_to_resend,
    caught_up,
    chains,
    envelopes,
    everything_on_topics,
    watching,
)
from tests.support.traffic import ON_BOTH_ROADS, Traffic

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

STREAMS = ("cases", "escalations", "deliveries")
# The embedded broker forgets what other backends reported and nobody has read yet.
ROADS = ON_BOTH_ROADS if KAFKA == "apache" else ("http",)


async def _twenty_minutes_later(stack: RunningStack) -> None:
    """First responses are due after 15: every case climbs to senior."""
    answer = await stack.client.post("/local/clock", json={"advance": "PT20M"})
    assert answer.status_code == 200, answer.text


async def _when_rungs_begin_to_fire(stack: RunningStack, before: int) -> None:
    async def fired() -> bool:
        return await _fired(stack) > before

    await until(fired, 60)


async def _fired(stack: RunningStack) -> int:
    rows = await stack.fetch(
        "SELECT count(*) AS n FROM escalation.log WHERE type LIKE '%rung.ent%'"
    )
    return int(rows[0]["n"])


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_service_comes_back_and_nothing_is_lost(
    stack: RunningStack, service: str
) -> None:
    traffic = Traffic(stack, f"kill-{service}")
    sending = traffic.start()
    await traffic.under_way()
    restarts = await stack.end(service)
    await sending
    await stack.back(service, restarts)
    await stack.quiet()
    # Once more while rungs fire and people are told.
    before = await _fired(stack)
    moving = asyncio.create_task(_twenty_minutes_later(stack))
    await _when_rungs_begin_to_fire(stack, before)
    restarts = await stack.end(service)
    await moving
    await stack.back(service, restarts)
    await stack.quiet()
    await traffic.check(await everything_on_topics(stack), STREAMS)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped"])
async def test_postgresql_restarts_under_running_services(
    stack: RunningStack, signum: signal.Signals
) -> None:
    traffic = Traffic(stack, f"postgres-{signum.name}")
    pids = await _pids(stack)
    sending = traffic.start()
    await traffic.under_way()
    restarts = await stack.end("postgres", signum)
    await sending
    await stack.back("postgres", restarts)
    await stack.quiet()
    before = await _fired(stack)
    moving = asyncio.create_task(_twenty_minutes_later(stack))
    await _when_rungs_begin_to_fire(stack, before)
    restarts = await stack.end("postgres", signum)
    await moving
    await stack.back("postgres", restarts)
    await stack.quiet()
    await traffic.check(await everything_on_topics(stack), STREAMS)
    assert await _pids(stack) == pids, "the services reconnect by themselves"


async def test_a_broker_that_restarts_is_read_and_filled_again(stack: RunningStack) -> None:
    traffic = Traffic(stack, "broker", roads=ROADS)
    pids = await _pids(stack)
    async with watching(stack) as first:
        sending = traffic.start()
        await traffic.under_way()
        restarts = await stack.end("kafka")
        await sending
    await stack.back("kafka", restarts)
    await stack.quiet()
    async with watching(stack) as second:
        before = await _fired(stack)
        moving = asyncio.create_task(_twenty_minutes_later(stack))
        await _when_rungs_begin_to_fire(stack, before)
        restarts = await stack.end("kafka")
        await moving
    await stack.back("kafka", restarts)
    await stack.quiet()
    async with watching(stack) as third:
        await caught_up(stack, third)
        await traffic.check([*first, *second, *third], ("cases", "escalations"))
    assert await _pids(stack) == pids, "the services reconnect by themselves"


async def test_who_was_away_when_the_broker_forgot_still_reads_everything(
    stack: RunningStack, desk: Desk
) -> None:
    traffic = Traffic(stack, "away", roads=ROADS)
    frozen = (await stack.processes())["notifier"]["pid"]
    os.kill(frozen, signal.SIGSTOP)
    try:
        await traffic.start()
        for case_id in await traffic.cases():
            await desk.seen(case_id, "cases:1")
        await _published(stack)
        restarts = await stack.end("kafka")
        await _restarted(stack, restarts)
    finally:
        os.kill(frozen, signal.SIGCONT)
    await stack.quiet()
    await _twenty_minutes_later(stack)

    async def all_sent() -> bool:
        # What the frozen process had claimed waits for its lease, which counts as quiet.
        told = [each for case in await traffic.cases() for each in await desk.deliveries(case)]
        return bool(told) and {each["status"] for each in told} == {"sent"}

    await until(all_sent, 60)
    records: Sequence[Any] = await everything_on_topics(stack)
    await traffic.check(records, ("cases", "escalations"))


async def test_a_newcomer_is_sent_again_what_the_broker_forgot(
    stack: RunningStack, desk: Desk
) -> None:
    traffic = Traffic(stack, "forgotten", number=2, roads=("http",))
    await traffic.start()
    await stack.quiet()
    restarts = await stack.end("kafka")
    await _restarted(stack, restarts)
    await stack.back("kafka", restarts)
    case_id, _ = await traffic.cases()
    last = int((await desk.seen(case_id))["position"].removeprefix("escalations:"))
    async with watching(stack) as records:
        await ask_to_resend(stack, "escalations", case_id, last)

        async def whole() -> bool:
            mine = [each for _, each in envelopes(records, "escalations")]
            return {each.sequence for each in mine if str(each.subject) == case_id} == set(
                range(1, last + 1)
            )

        await until(whole)
        assert len(chains(records, [case_id], "escalations")["escalations", case_id]) == last


async def _published(stack: RunningStack) -> None:
    async def nothing_left() -> bool:
        rows = await stack.fetch(
            "SELECT (SELECT count(*) FROM intake.unpublished) "
            "+ (SELECT count(*) FROM escalation.unpublished) AS n"
        )
        return int(rows[0]["n"]) == 0

    await until(nothing_left)


async def _restarted(stack: RunningStack, restarts: int) -> None:
    async def ready() -> bool:
        broker = (await stack.processes())["kafka"]
        return bool(broker["restarts"] > restarts and broker["ready"])

    await until(ready, 60)


async def _pids(stack: RunningStack) -> dict[str, int]:
    processes = await stack.processes()
    return {name: processes[name]["pid"] for name in SERVICES}
