"""A planted person is sealed everywhere before they are erased, and nowhere to be had afterwards.

Looks at the raw files of the database (its write-ahead log too), every cell of every table, every
record of every topic, and the logs; in clear, escaped, encoded and packed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.desk import AGENT, Desk, Json, report_of
from tests.support.erasure import linked
from tests.support.kit import until
from tests.support.leaks import Search, on_topics, unpacked
from tests.support.places import Places, everywhere
from tests.support.stack import SERVICES, RunningStack
from tests.support.topics import backend, chains, everything_on_topics, send_report

pytestmark = pytest.mark.system

EVIDENCE = b"\x89PNG\r\n\x1a\n" + hashlib.sha256(b"of the erased").digest() * 40
WHO = "cust-erased-3301"
SECRETS: dict[str, str | bytes] = {
    "name": "慕容待删除甲",
    "phone": "13955500033",
    "e-mail": "to.be.erased@example.org",
    "customer's id": WHO,
    "text in Chinese": "周五转出的钱至今没有到账请尽快处理",
    "text in English": "my money left on Friday and never arrived",
    "summary": "客户在电话里非常着急的摘要",
    "transaction": "tx-erased-70707",
    "counterparty": "merchant-erased-55",
    "call": "call-erased-9090",
    "reply": "我们正在核实您这笔独特的款项",
    "evidence": EVIDENCE[8:56],
    "file": "erased-passport-scan.png",
    "stated address": "erased.stated@example.org",
    "in a dead letter": "planted-erased-nonsense",
    "in a message that waits": "planted-erased-waiting",
}
_RUNGS = "SELECT rung FROM escalation.rung WHERE case_id = $1"
# Rule 13 of the design: topic `actions` has ids in clear, since backends cannot unseal.
ACTED = {"transaction": "tx-acted-upon-4141"}


def said(name: str) -> str:
    text = SECRETS[name]
    assert isinstance(text, str)
    return text


def planted(number: int = 1, **changes: Any) -> Json:
    body = report_of("erased", description=said("text in Chinese"))
    body["external_id"] = f"{said('call')}/{number}"
    body["customer"] |= {
        "id": WHO,
        "name": said("name"),
        "email": said("e-mail"),
        "phone": "+86" + said("phone"),
    }
    body["contact"] |= {"summary": said("summary"), "external_id": said("call")}
    transaction = f"{said('transaction')}-{number}"
    body["transaction"] |= {"id": transaction, "counterparty": said("counterparty")}
    return {**body, **changes}


async def test_nothing_of_an_erased_customer_is_left(stack: RunningStack, desk: Desk) -> None:
    case_id, by_kafka = await _live(stack, desk)
    other = await _somebody_else(desk)
    before = await _everywhere(stack)
    control = Search({"category": "funds_not_received"})
    assert all(control.found(each) for each in before.values()), "the search looks there"
    await _nowhere(before, "before erasure")
    foreign = [r for r in await everything_on_topics(stack) if r.topic.endswith(".reports")]
    assert Search(SECRETS).found(on_topics(foreign, without="")), "in clear it is found"

    refused = await desk.post("/v1/erasures", _asking(case_id=case_id))
    assert (refused.status_code, refused.json()["reason"]) == (409, "open_cases")
    assert set(refused.json()["open_cases"]) == {case_id, by_kafka}
    await _erase(stack)
    await _nobody_answers(stack, desk, case_id)
    await _what_comes_later(stack, desk, case_id)
    # Days go by: the clocks of the erased stand still, those of the others do not.
    await stack.to("11-24T10:40")
    await stack.quiet()
    for erased in (case_id, by_kafka):
        rungs = await stack.fetch(_RUNGS, UUID(erased))
        assert [row["rung"] for row in rungs] == ["frontline"]
    assert len(await stack.fetch(_RUNGS, UUID(other))) > 1
    assert (await desk.seen(other))["rung"] != "frontline"

    after = await _everywhere(stack)
    await _nowhere(after, "after erasure")
    await _all_is_well(stack, {case_id, by_kafka, other})
    await _what_acts_is_only_where_it_may_be(desk, stack)


async def _live(stack: RunningStack, desk: Desk) -> tuple[str, str]:
    """A customer as they live in a stack: by HTTP, by Kafka, with everything that hangs on it."""
    await stack.to("11-20T09:58")
    case_id = (await desk.report(planted(), key="erased-1"))["id"]
    async with backend(stack) as producer:
        await send_report(stack, producer, "erased-2", planted(2))
        bad = planted(3, severity=said("in a dead letter"))
        await send_report(stack, producer, "erased-3", bad, key=WHO.encode())
        await send_report(stack, producer, "erased-4", b'{"customer": {"id": "' + WHO.encode())
        stranger = {"source": "nobody", "external_id": said("call")}
        waits = {"case": stranger, "facts": {"text": said("in a message that waits")}}
        await send_report(stack, producer, "erased-5", waits, kind="fact.reported")
    contact = {"channel": "chat", "summary": said("text in English")}
    assert (await desk.post(f"/v1/cases/{case_id}/contacts", contact)).status_code == 201
    await desk.ladder(case_id, "claim", AGENT)
    await desk.case(case_id, "reply", AGENT, text=said("reply"), channel="email")
    files = {"file": (said("file"), EVIDENCE, "image/png")}
    upload = await stack.client.post(f"/v1/cases/{case_id}/evidence", files=files)
    assert upload.status_code == 201, upload.text
    stated = {"channels": [{"channel": "email", "address": said("stated address")}]}
    assert (await stack.client.put(f"/v1/recipients/{WHO}", json=stated)).status_code == 200
    await stack.quiet()
    found = await desk.get("/v1/cases", customer=WHO)
    (by_kafka,) = {one["id"] for one in found["items"]} - {case_id}
    assert said("name") in (await stack.client.get(f"/v1/cases/{case_id}")).text
    return case_id, by_kafka


async def _somebody_else(desk: Desk) -> str:
    """A case of another customer, who is left alone."""
    return str((await desk.report(report_of("staying")))["id"])


async def _erase(stack: RunningStack) -> None:
    """By the commands, the customer's id in a file, by two persons."""
    file = stack.state / "customer.txt"
    file.write_text(WHO)
    wanted = ("--customer-file", str(file), "--reason", "customer_request", "--force-open-cases")
    asked = await stack.recourse("erase", *wanted, "--by", "ops-1")
    file.unlink()
    path = f"/v1/erasures/{asked['id']}"
    alone = await stack.client.post(f"{path}/confirm", json={"by": {"id": "ops-1"}})
    assert (alone.status_code, alone.json()["reason"]) == (409, "same_person")
    await stack.recourse("erase", "--confirm", asked["id"], "--by", "ops-2")

    async def done() -> bool:
        return bool((await stack.client.get(path)).json()["status"] == "done")

    await until(done)
    await stack.quiet()
    (listed,) = await stack.recourse("erase", "--list", "--json")
    assert (listed["asked_by"], listed["confirmed_by"]) == ("ops-1", "ops-2")
    assert listed["services"].keys() == set(SERVICES)
    keys = await stack.fetch(
        "SELECT wrapped FROM keys.subject_key WHERE subject = $1", UUID(listed["subject"])
    )
    assert [row["wrapped"] for row in keys] == [None]


async def _nobody_answers(stack: RunningStack, desk: Desk, case_id: str) -> None:
    sha256 = hashlib.sha256(EVIDENCE).hexdigest()
    gone = [
        f"/v1/cases/{case_id}",
        f"/v1/cases/{case_id}/evidence/{sha256}",
        f"/v1/ladders/{case_id}",
        f"/v1/ladders/{case_id}/explain",
        f"/v1/ladders/{case_id}/export",
        f"/v1/ladders/{case_id}/actions",
    ]
    answers = [await stack.client.get(path) for path in gone]
    assert {answer.status_code for answer in answers} == {410}
    for search in (
        {"customer": WHO},
        {"phone": "+86" + said("phone")},
        {"email": said("e-mail")},
        {"transaction": f"{said('transaction')}-1"},
    ):
        assert (await desk.get("/v1/cases", **search))["items"] == [], search
    open_paths = (
        "/v1/cases",
        "/v1/queues/frontline",
        "/v1/ladders/export",
        "/v1/erasures",
        f"/v1/deliveries?case_id={case_id}",
    )
    answers += [await stack.client.get(path) for path in open_paths]
    assert (await stack.client.get(f"/v1/recipients/{WHO}")).status_code == 404
    assert case_id not in (await stack.client.get("/v1/queues/frontline")).text
    letters = await stack.fetch("SELECT hash, raw, settled FROM intake.dead_letter")
    assert [(row["raw"], row["settled"]) for row in letters] == [(b"", "erased")] * 2
    assert await stack.recourse("dead-letters", "list", "intake", "--json") == []
    assert await stack.fetch("SELECT * FROM intake.foreign_waiting") == []
    texts = [(str(answer.url), answer.content) for answer in answers]
    assert Search(SECRETS).found(texts) == []


async def _what_comes_later(stack: RunningStack, desk: Desk, case_id: str) -> None:
    again = await desk.post("/v1/cases", planted(), key="erased-1")
    assert (again.status_code, again.json()["reason"]) == (409, "erased")
    contact = {"channel": "chat", "summary": said("text in English")}
    told = await desk.post(f"/v1/cases/{case_id}/contacts", contact)
    assert told.status_code == 410
    async with backend(stack) as producer:
        await send_report(stack, producer, "late-1", planted())
        await send_report(stack, producer, "late-2", planted(7))
        known = {"source": "call-centre", "external_id": f"{said('call')}/2"}
        fact: Any = {"case": known, "facts": {"text": said("text in English")}}
        await send_report(stack, producer, "late-4", planted(8, severity="nonsense"))
        await send_report(stack, producer, "late-3", fact, kind="fact.reported")
    await stack.quiet()


async def _all_is_well(stack: RunningStack, cases: set[str]) -> None:
    """Nothing was poisoned, every chain fits, every service is ready."""
    for service in SERVICES:
        for table in ("parked", "foreign_waiting"):
            assert await stack.fetch(f"SELECT * FROM {service}.{table}") == [], (service, table)
        letters = await stack.fetch(
            f"SELECT * FROM {service}.dead_letter WHERE settled IS DISTINCT FROM 'erased'"
        )
        assert letters == [], service
        log = await stack.fetch(
            f"SELECT * FROM {service}.log WHERE entity IS NOT NULL ORDER BY entity, topic, seq"
        )
        assert linked(log, service) == len(log) > 0
    proved = chains(await everything_on_topics(stack), cases)
    assert {case_id for _, case_id in proved} == cases
    assert (await stack.client.get("/readyz")).status_code == 200
    assert all(process["ready"] for process in (await stack.processes()).values())
    assert await _told(stack, "recourse_erased_arrivals_total") == 4


async def _told(stack: RunningStack, metric: str) -> float:
    """What intake says of a metric."""
    rows = await _metrics(stack, "intake")
    return float(next(line.split()[1] for line in rows if line.startswith(metric)))


async def _metrics(stack: RunningStack, service: str) -> list[str]:
    described = json.loads((stack.state / "stack.json").read_text())
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        page = await client.get(f"{described['services'][service]}/metrics")
    return page.text.splitlines()


async def _what_acts_is_only_where_it_may_be(desk: Desk, stack: RunningStack) -> None:
    """An action's ids lie in clear on topic `actions` and in its rows of the log, nowhere else."""
    body = report_of("acted")
    body["transaction"] |= {"id": ACTED["transaction"]}
    opened = await desk.report(body)
    path = f"/v1/ladders/{opened['id']}/commands?after={opened['position']}"
    asked = await desk.post(path, {"command": "request_action", "action": "refund", "by": AGENT})
    assert asked.status_code == 200, asked.text
    await stack.quiet()
    places = await _everywhere(stack)
    search = Search(ACTED)
    found = {line for name in ("topics", "tables") for line in search.found(places[name])}
    assert found, "it is in clear there"
    allowed = ("topic recourse.actions,", "table escalation.log", "table escalation.log_")
    assert [line for line in found if not any(place in line for place in allowed)] == []


def _asking(**named: str) -> Json:
    by = {"role": "ops", "id": "ops-1"}
    return {**named, "reason": "customer_request", "by": by}


async def _everywhere(stack: RunningStack) -> Places:
    await stack.fetch("CHECKPOINT")
    return await everywhere(stack)


async def _nowhere(places: Places, when: str) -> None:
    search = Search(SECRETS)
    leaks = [leak for each in places.values() for leak in search.found(each)]
    leaks += [leak for each in places.values() for leak in search.found(unpacked(each))]
    assert leaks == [], "\n".join([f"personal data in clear {when}:", *leaks])


def test_the_search_opens_what_is_packed() -> None:
    plain = ("x" * 9 + said("name")).encode()
    for packed in (gzip.compress(plain), zlib.compress(plain), zlib.compress(plain, 9)):
        assert Search(SECRETS).found(unpacked([("here", b"noise" + packed + b"noise")])), packed
    assert Search(SECRETS).found(unpacked([("here", b"\x1f\x8b\x08 no stream")])) == []
