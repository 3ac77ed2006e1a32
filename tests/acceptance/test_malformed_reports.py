"""Malformed reports: the field is named by HTTP; by Kafka a dead letter, and the rest goes on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from schemas.wire import Wire
from tests.support.bad_reports import BODIES, GOOD, HEADERS
from tests.support.desk import Desk, report_of
from tests.support.kit import until
from tests.support.memory import GROWTH_BYTES, resident_bytes
from tests.support.stack import RunningStack
from tests.support.topics import (
    backend,
    everything_on_topics,
    report_headers,
    send_report,
)

pytestmark = pytest.mark.system

PARTITION = 1


def changed(path: str, value: Any) -> dict[str, Any]:
    """A report with one value changed; `...` takes it out."""
    body: dict[str, Any] = json.loads(json.dumps(report_of("bad")))
    *parents, name = path.strip("/").split("/")
    place = body
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return body


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/source", ...),
        ("/external_id", ""),
        ("/external_id", 12),
        ("/category", "nonsense"),
        ("/description", ...),
        ("/description", ""),
        ("/occurred_at", "yesterday"),
        ("/occurred_at", "2026-11-20T09:58:00"),
        ("/occurred_at", "2027-01-01T00:00:00+08:00"),
        ("/customer", ...),
        ("/customer/id", ...),
        ("/customer/email", "not an address"),
        ("/customer/phone", "12345"),
        ("/customer/time_zone", "Mars/Olympus"),
        ("/customer/nickname", "unknown field"),
        ("/contact/channel", "pigeon"),
        ("/contact/agent/staff_number", ...),
        ("/transaction/amount", "12.80.00"),
        ("/transaction/amount", "-1"),
        ("/transaction/currency", "yuan"),
        ("/facts", []),
        ("/evidence", [{"sha256": "zz", "media_type": "image/png"}]),
    ],
)
async def test_http_names_the_field(desk: Desk, pointer: str, value: Any) -> None:
    answer = await desk.post("/v1/cases", changed(pointer, value))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], bool(problem["type"]), bool(problem["title"])) == (422, True, True)
    named = [error["pointer"] for error in problem["errors"]]
    assert named, problem
    assert all(each == pointer or each.startswith(pointer + "/") for each in named), named
    assert all(error["detail"] for error in problem["errors"])


async def test_every_wrong_field_is_named_at_once(desk: Desk) -> None:
    body = changed("/transaction/amount", "much") | {"category": "nonsense"}
    del body["source"]
    answer = await desk.post("/v1/cases", body)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/source", "/category", "/transaction/amount"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null"])
async def test_what_is_no_report_at_all_is_422(desk: Desk, content: bytes) -> None:
    answer = await desk.stack.client.post(
        "/v1/cases", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


async def test_nothing_is_left_of_a_refused_report(desk: Desk) -> None:
    body = report_of("later", category="nonsense")
    assert (await desk.post("/v1/cases", body, "same-key")).status_code == 422
    found = await desk.get("/v1/cases", customer=body["customer"]["id"])
    assert found == {"items": [], "next": None}
    await desk.report(report_of("later"), 201, "same-key")


BROKEN: dict[str, tuple[bytes, str]] = {
    "no-json": (b"{not json", "not_json"),
    "no-utf8": (b'{"source": "\xff\xfe"}', "not_json"),
    "no-object": (b"[1, 2]", "not_an_object"),
    "no-amount": (json.dumps(changed("/transaction/amount", "much")).encode(), "invalid_value"),
    "no-source": (json.dumps(changed("/source", ...)).encode(), "invalid_value"),
    "too-soon": (
        json.dumps(changed("/occurred_at", "2027-01-01T00:00:00+08:00")).encode(),
        "occurred_in_the_future",
    ),
}


async def test_by_kafka_each_is_a_dead_letter_and_the_partition_goes_on(
    stack: RunningStack, desk: Desk
) -> None:
    offsets: dict[str, int] = {}
    async with backend(stack) as producer:
        for number, (name, (raw, _)) in enumerate(BROKEN.items()):
            good = report_of(f"good-{number}")
            await send_report(stack, producer, f"good-{number}", good, partition=PARTITION)
            offsets[name] = await send_report(stack, producer, name, raw, partition=PARTITION)
        last = report_of("good-last")
        await send_report(stack, producer, "good-last", last, partition=PARTITION)
    await stack.quiet()
    for number in (*range(len(BROKEN)), "last"):
        found = await desk.get("/v1/cases", customer=f"cust-good-{number}")
        assert len(found["items"]) == 1, number
    letters = await _letters(stack)
    assert {(letter["topic"], letter["partition"]) for letter in letters} == {
        ("reports", PARTITION)
    }
    reasons = {letter["offset"]: letter["reason"] for letter in letters}
    expected = {offsets[name]: reason for name, (_, reason) in BROKEN.items()}
    assert reasons == expected
    await _shown_whole(stack, letters, offsets["no-utf8"], "no-utf8")
    await _announced(stack, letters)


async def _shown_whole(
    stack: RunningStack, letters: list[dict[str, Any]], offset: int, name: str
) -> None:
    (hash_,) = [letter["hash"] for letter in letters if letter["offset"] == offset]
    letter = await stack.recourse("dead-letters", "show", "intake", hash_)
    assert letter["reason"] == BROKEN[name][1]
    original = letter["original"]
    assert base64.b64decode(original["value"]) == BROKEN[name][0]
    assert base64.b64decode(original["key"]) == name.encode()
    headers = [(each, base64.b64decode(text)) for each, text in original["headers"]]
    assert headers == report_headers(name)


async def _letters(stack: RunningStack) -> list[dict[str, Any]]:
    return list(await stack.recourse("dead-letters", "list", "intake", "--json"))


async def _announced(stack: RunningStack, letters: list[dict[str, Any]]) -> None:
    """Reason and hash are on the topic of dead letters, the bytes are not."""
    topic = f"{stack.prefix}intake.dead-letters"
    records = [each for each in await everything_on_topics(stack) if each.topic == topic]
    announced = {
        value["hash"]: value["reason"]
        for value in (Wire().parse_value(record.value)[0] for record in records)
        if "hash" in value
    }
    assert announced == {letter["hash"]: letter["reason"] for letter in letters}
    assert not any(b"{not json" in record.value for record in records)


async def test_headers_that_are_no_cloudevent_stop_nothing(stack: RunningStack, desk: Desk) -> None:
    before = {letter["hash"] for letter in await _letters(stack)}
    good = report_headers("fine")
    bad: list[list[tuple[str, Any]]] = [
        [],
        [("ce_id", b"\xff\xfe"), *good[2:]],
        [("ce_id", None), *good[2:]],
        [each for each in good if each[0] != "ce_type"],
        report_headers("unheard-of", "case.unheard_of"),
    ]
    body = json.dumps(report_of("headers")).encode()
    async with backend(stack) as producer:
        for headers in bad:
            await producer.send_and_wait(
                f"{stack.prefix}reports", body, headers=headers, partition=PARTITION
            )
        # A header that is not ours may be anything.
        await producer.send_and_wait(
            f"{stack.prefix}reports",
            body,
            headers=[*good, ("trace", b"\xff"), ("nothing", None)],
            partition=PARTITION,
        )
    await stack.quiet()
    assert len((await desk.get("/v1/cases", customer="cust-headers"))["items"]) == 1
    after = [letter for letter in await _letters(stack) if letter["hash"] not in before]
    assert len(after) == len(bad)
    assert all(letter["reason"] for letter in after)


async def test_every_class_by_both_roads_and_the_service_stays_as_it_was(
    stack: RunningStack, desk: Desk
) -> None:
    await _send_everything(stack, 0)
    pid = (await stack.processes())["intake"]["pid"]
    before = resident_bytes(pid)
    for turn in range(1, 10):
        await _send_everything(stack, turn)
    await stack.quiet()
    process = (await stack.processes())["intake"]
    assert (process["pid"], process["restarts"]) == (pid, 0)
    assert resident_bytes(pid) - before < GROWTH_BYTES
    await desk.report(report_of("after-everything"))


async def _send_everything(stack: RunningStack, turn: int) -> None:
    for name, bad in BODIES.items():
        headers = {"content-type": bad.content_type} if bad.content_type else {}
        answer = await stack.client.post("/v1/cases", content=bad.raw, headers=headers)
        assert (answer.status_code, name) == (bad.status, name), answer.text
    topic = f"{stack.prefix}reports"
    async with backend(stack) as producer:
        for name, bad in BODIES.items():
            id_ = f"{name} {turn}"
            raw, named = bad.raw + b" " * turn, report_headers(id_)
            if bad.kafka:
                await producer.send(topic, raw, key=id_.encode(), headers=named)
        for name, attributes in HEADERS.items():
            await producer.send(topic, GOOD, key=f"{name} {turn}".encode(), headers=attributes)
        await producer.send_and_wait(topic, None, key=f"{turn}".encode())


async def test_a_message_for_an_unknown_case_waits_and_is_taken_when_it_is_known(
    stack: RunningStack, desk: Desk
) -> None:
    body = report_of("waited-for")
    address = {"source": body["source"], "external_id": body["external_id"]}
    fact = {"case": address, "facts": {"evidence.payment_receipt": "凭证"}}
    async with backend(stack) as producer:
        await send_report(stack, producer, "early", fact, kind="fact.reported")
        await stack.quiet()
        await send_report(stack, producer, "report", body)
    await stack.quiet()
    (line,) = (await desk.get("/v1/cases", customer="cust-waited-for"))["items"]
    await _until_fact(desk, line["id"])


async def _until_fact(desk: Desk, case_id: str) -> None:
    async def known() -> bool:
        case = await desk.get(f"/v1/cases/{case_id}")
        return bool(case["missing_facts"] == [] and "evidence.payment_receipt" in case["facts"])

    await until(known)
