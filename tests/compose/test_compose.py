"""Everything in containers: it starts, tells the customer, and whatever is killed comes back.

In this order: the last test is the account of everything that the ones before have reported.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaError

from schemas.topics import TOPICS
from tests.support.compose import JOBS, Containers
from tests.support.desk import Desk, Json, report_of
from tests.support.kit import until
from tests.support.leaks import Search
from tests.support.monitoring import expressions
from tests.support.stack import SERVICES
from tests.support.topics import backend, send_report

pytestmark = pytest.mark.timeout(900)

OURS = (*SERVICES, "front")
NAME = "欧阳张三"
BY_MAIL = ("case_received", "email")
MAY_SEND_AGAIN = {"notifier", "maildev", "postgres"}
_HEAL_S = 120


@dataclass
class Ledger:
    """Every report that was made: its customer's number, and what was being killed meanwhile."""

    made: dict[str, str] = field(default_factory=dict)

    def numbers(self, meanwhile: str) -> list[str]:
        return [number for number, what in self.made.items() if what == meanwhile]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(scope="module")
def desk(containers: Containers) -> Desk:
    return Desk(containers.desk_stack)


def body_of(number: str) -> Json:
    """A report of just now, by a customer whose name is long enough to be searched for."""
    body = report_of(number, occurred_at=datetime.now(UTC).isoformat())
    body["customer"] |= {"name": NAME}
    return body


async def by_http(containers: Containers, desk: Desk, number: str) -> None:
    """Report as a client does that asks again until it is answered for good."""
    body = body_of(number)
    answer = await containers.desk_stack.persist(lambda: desk.post("/v1/cases", body, key=number))
    assert answer.status_code in {200, 201}, answer.text


async def by_kafka(containers: Containers, number: str) -> None:
    """Report as another backend on this machine does."""
    body = body_of(number)
    async with asyncio.timeout(_HEAL_S):
        while True:
            try:
                async with backend(containers.desk_stack) as producer:
                    await send_report(containers.desk_stack, producer, number, body)
            except KafkaError:
                continue
            return


async def reported(containers: Containers, desk: Desk, ledger: Ledger, what: str) -> None:
    """One report on each road, written into the ledger."""
    name = f"{what}-{len(ledger.made)}"
    ledger.made |= {f"{name}-h": what, f"{name}-k": what}
    await asyncio.gather(by_http(containers, desk, f"{name}-h"), by_kafka(containers, f"{name}-k"))


async def told(containers: Containers, numbers: list[str]) -> None:
    """Wait until the first mail of each of these customers lies in the mailbox."""

    async def all_told() -> bool:
        try:
            mails = await containers.mails()
        except (httpx.TransportError, AssertionError):
            return False
        reached = {address["address"] for mail in mails for address in mail["to"]}
        return {f"c{number}@example.com" for number in numbers} <= reached

    await until(all_told, _HEAL_S)


async def case_of(desk: Desk, number: str) -> Json:
    """The one case of a customer."""
    (found,) = (await desk.get("/v1/cases", customer=f"cust-{number}"))["items"]
    return dict(await desk.get(f"/v1/cases/{found['id']}"))


async def test_the_jobs_have_prepared_everything(containers: Containers) -> None:
    for job in JOBS:
        assert (await containers.state(job))["State"]["ExitCode"] == 0, job
    checked = await containers.compose("run", "--rm", "--no-TTY", "topics", "topics", "check")
    lines = checked.splitlines()
    assert len(lines) == len(TOPICS)
    assert all(line.startswith("ok ") for line in lines), checked
    assert any("cases: partitions 12, replication 1, kept 30 days" in line for line in lines)
    for service in SERVICES:
        said = await containers.inside(service, "recourse", "doctor", service)
        assert "BAD" not in said, said
    owners = await containers.rows(
        "select nspname || ':' || pg_get_userbyid(nspowner) from pg_namespace "
        "where nspname in ('intake', 'escalation', 'notifier', 'keys') order by 1"
    )
    assert owners == [f"{n}:{n}" for n in ("escalation", "intake", "keys", "notifier")]


async def test_jobs_can_be_repeated(containers: Containers) -> None:
    for job, said in {"database": "is ready for", "migrate-intake": "nothing to do"}.items():
        assert said in await containers.compose("run", "--rm", "--no-TTY", job)


@pytest.mark.parametrize("service", OURS)
async def test_our_containers_can_do_little(containers: Containers, service: str) -> None:
    status = await containers.inside(service, "cat", "/proc/self/status")
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert found["Uid"].split("\t") == ["10001"] * 4
    assert int(found["CapEff"], 16) == 0
    assert found["NoNewPrivs"] == "1"
    for place, fits in {"/": False, "/opt/recourse": False, "/tmp": True}.items():
        tried = f"touch {place}/probe && echo yes || echo no"
        said = await containers.inside(service, "sh", "-c", tried)
        assert said.strip() == ("yes" if fits else "no"), place
    published = (await containers.state(service))["NetworkSettings"]["Ports"] or {}
    hosts = {one["HostIp"] for bindings in published.values() for one in bindings or ()}
    assert hosts <= {"127.0.0.1"}
    environment = (await containers.state(service))["Config"]["Env"]
    assert not [variable for variable in environment if "postgresql://" in variable]


async def test_nothing_but_the_prefixes_comes_through_the_front(containers: Containers) -> None:
    client = containers.desk_stack.client
    assert (await client.get("/readyz")).status_code == 200
    for path in ("/internal/dead-letters", "/metrics/", "/v1/nobody"):
        assert (await client.get(path)).status_code == 404, path
    host, port = client.base_url.host, client.base_url.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"GET /v1/cases/../../internal/parked HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
    writer.close()


async def test_a_report_on_either_road_reaches_the_customers_mailbox(
    containers: Containers, desk: Desk, ledger: Ledger
) -> None:
    await reported(containers, desk, ledger, "nothing")
    numbers = ledger.numbers("nothing")
    await told(containers, numbers)
    for number in numbers:
        case = await case_of(desk, number)
        ladder = await desk.seen(case["id"], case["position"])
        assert ladder["rung"] == "frontline"
        (mail,) = [
            mail
            for mail in await containers.mails()
            if mail["to"][0]["address"] == f"c{number}@example.com"
        ]
        assert case["id"] in mail["subject"]
        assert "您好" in mail["text"]


async def test_prometheus_reads_every_service_and_our_rules(containers: Containers) -> None:
    async def all_up() -> bool:
        targets = (await containers.prometheus_says("targets"))["activeTargets"]
        return len(targets) == 4 and all(target["health"] == "up" for target in targets)

    await until(all_up, 60)

    async def all_tried() -> bool:
        (group,) = (await containers.prometheus_says("rules"))["groups"]
        return all(rule["health"] == "ok" for rule in group["rules"])

    await until(all_tried, 60)
    for name in ("recourse_timer_lag_seconds_bucket", "recourse_stream_age_seconds"):
        found = await containers.prometheus_says("query", query=name)
        assert found["result"], f"{name} is not scraped"
    for where, expression in expressions():
        # Raises what a Prometheus answers that cannot read it.
        said = await containers.prometheus_says("query", query=expression)
        assert said["resultType"] == "vector", where
    in_container = "/etc/prometheus"
    for check in (
        ("check", "config", f"{in_container}/prometheus.yml"),
        ("test", "rules", f"{in_container}/alerts.test.yml"),
    ):
        assert "SUCCESS" in await containers.inside("prometheus", "promtool", *check)


@pytest.mark.parametrize("service", ["postgres", "kafka", *OURS, "maildev", "prometheus"])
async def test_a_killed_container_comes_back_and_nothing_is_lost(
    containers: Containers, desk: Desk, ledger: Ledger, service: str
) -> None:
    """One report on each road is under way when it dies, another is made while it is away."""
    if service == "maildev":
        await told(containers, list(ledger.made))
    before = asyncio.create_task(reported(containers, desk, ledger, service))

    async def begun() -> bool:
        return bool(ledger.numbers(service))

    # Whether it has arrived when the container dies is chance, and so it should be.
    await until(begun)
    await containers.kill(service)
    assert not (await containers.state(service))["State"]["Running"]
    during = asyncio.create_task(reported(containers, desk, ledger, service))
    await containers.start(service)
    await asyncio.gather(before, during)
    assert len(ledger.numbers(service)) == 4
    await told(containers, ledger.numbers(service))


@pytest.mark.parametrize("service", OURS)
async def test_a_process_that_dies_is_started_again_by_the_engine(
    containers: Containers, desk: Desk, ledger: Ledger, service: str
) -> None:
    what = f"death of {service}".replace(" ", "-")
    restarts = int((await containers.state(service))["RestartCount"])
    await containers.kill_process(service)
    await reported(containers, desk, ledger, what)

    async def back() -> bool:
        state = await containers.state(service)
        healthy = state["State"]["Health"]["Status"] == "healthy"
        return bool(state["RestartCount"] == restarts + 1 and healthy)

    await until(back, _HEAL_S)
    await told(containers, ledger.numbers(what))


@pytest.mark.parametrize("service", OURS)
async def test_a_container_stops_in_order_well_within_its_grace(
    containers: Containers, service: str
) -> None:
    took_s, code = await containers.stop(service)
    # uvicorn stops in order, then dies of the very signal: 128 + 15.
    assert code in {0, 143}, code
    assert took_s < 10
    await containers.start(service)


async def test_nothing_was_lost_and_nothing_was_sent_twice(
    containers: Containers, desk: Desk, ledger: Ledger
) -> None:
    await told(containers, list(ledger.made))
    await _settled(containers)
    letters: dict[str, list[str]] = defaultdict(list)
    for mail in await containers.mails():
        letters[mail["to"][0]["address"]].append(mail["messageId"])
    for number, what in ledger.made.items():
        case = await case_of(desk, number)
        ladder = await desk.seen(case["id"], case["position"])
        assert [rung["rung"] for rung in ladder["history"]] == ["frontline"]
        deliveries = await desk.deliveries(case["id"])
        kinds = Counter((each["template"], each["channel"]) for each in deliveries)
        assert kinds[BY_MAIL] == 1, kinds
        assert max(kinds.values()) == 1, kinds
        assert {each["status"] for each in deliveries} == {"sent"}, deliveries
        got = letters[f"c{number}@example.com"]
        by_mail = sum(each["channel"] == "email" for each in deliveries)
        assert len(set(got)) == by_mail, (number, got)
        # What was under way when it died may come again, but as the same letter to its reader.
        again = what.removeprefix("death-of-") in MAY_SEND_AGAIN
        assert again or len(got) == by_mail, (number, got)
    for table, where in {"dead_letter": "settled is null", "parked": "true"}.items():
        for service in SERVICES:
            (left,) = await containers.rows(f"select count(*) from {service}.{table} where {where}")
            assert left == "0", f"{service}.{table}"


async def _settled(containers: Containers) -> None:
    async def nothing_under_way() -> bool:
        rows = await containers.rows(
            "select (select count(*) from intake.unpublished)"
            " + (select count(*) from escalation.unpublished)"
            " + (select count(*) from notifier.unpublished)"
            " + (select count(*) from notifier.delivery where status in ('planned', 'sending'))"
        )
        return rows == ["0"]

    await until(nothing_under_way, _HEAL_S)


async def test_our_logs_are_json_and_name_nobody(containers: Containers, ledger: Ledger) -> None:
    said = await containers.compose("logs", "--no-log-prefix", "--no-color", *OURS)
    lines = said.splitlines()
    assert lines
    services: set[Any] = {json.loads(line)["service"] for line in lines}
    assert services <= set(OURS)
    body = body_of(next(iter(ledger.made)))
    secrets = {
        "name": NAME,
        "phone": body["customer"]["phone"],
        "mail": "@example.com",
        "description": body["description"],
    }
    assert Search(secrets).found([("logs", said.encode())]) == []


async def test_no_critical_alert_is_left(containers: Containers) -> None:
    async def calm() -> bool:
        alerts = (await containers.prometheus_says("alerts"))["alerts"]
        return not [a for a in alerts if a["labels"]["severity"] == "critical"]

    await until(calm, 90)
