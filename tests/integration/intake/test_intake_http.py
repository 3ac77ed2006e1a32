"""The walkthrough's section 1 over HTTP, on a real database."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cases import report_body
from tests.support.intake import Intake
from tests.support.intake import intake as running

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40 + b"\r\n--not-the-boundary\r\n"
CHAT = {"channel": "chat", "direction": "inbound", "summary": "还没有到账"}


async def opened(intake: Intake, **changes: Any) -> dict[str, Any]:
    answer = await intake.post("", report_body(**changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_report_opens_a_case(intake: Intake) -> None:
    answer = await intake.post("", report_body())
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/cases/{body['id']}"
    assert (body["status"], body["category"]) == ("open", "funds_not_received")
    assert (body["severity"], body["lane"]) == ("normal", "ordinary")
    assert body["triage"]["category"] == {"value": "funds_not_received", "reason": "stated"}
    missing = {need["fact"]: need["why"] for need in body["missing_facts"]}
    assert missing["evidence.payment_receipt"]
    assert body["position"] == "cases:1"


async def test_the_same_report_again_is_the_same_case(intake: Intake) -> None:
    first = await opened(intake)
    again = await intake.post("", report_body())
    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert await intake.event_names() == ["case.opened"]


async def test_many_at_once_open_one_case(dsns: Mapping[str, str], intake: Intake) -> None:
    async with running(dsns) as other:
        answers = await asyncio.gather(
            *(replica.post("", report_body()) for replica in [intake, other] * 10)
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await intake.event_names() == ["case.opened"]


async def test_different_reports_of_one_matter_at_once_open_one_case(
    dsns: Mapping[str, str], intake: Intake
) -> None:
    async with running(dsns) as other:
        answers = await asyncio.gather(
            *(
                replica.post("", report_body(external_id=f"call-{number}"))
                for number, replica in enumerate([intake, other] * 5)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert await intake.event_names() == ["case.opened"] + ["contact.added"] * 9


async def test_a_chat_joins_and_an_earlier_call_starts_the_clock(intake: Intake) -> None:
    first = await opened(intake)
    changes = {"external_id": "chat-1", "contact": CHAT, "occurred_at": "2026-11-20T09:40:00+08:00"}
    chat = await intake.post("", report_body(**changes))
    assert (chat.status_code, chat.json()["id"]) == (200, first["id"])
    assert chat.json()["position"] == "cases:2"
    case = await intake.get(f"/{first['id']}")
    assert [contact["channel"] for contact in case["contacts"]] == ["phone", "chat"]
    assert case["started_at"].startswith("2026-11-20T")
    assert "09:40" in case["started_at"] or "01:40" in case["started_at"]
    again = await intake.post("", report_body(**changes))
    assert (again.status_code, again.json()["position"]) == (200, "cases:2")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"transaction": {"id": "t", "amount": "many", "currency": "CNY"}}, "/transaction/amount"),
        ({"transaction": {"id": "t", "amount": "-1", "currency": "CNY"}}, "/transaction/amount"),
        ({"transaction": {"id": "t", "amount": "1"}}, "/transaction"),
        ({"category": "nonsense"}, "/category"),
        ({"source": None}, "/source"),
        ({"external_id": ""}, "/external_id"),
        ({"external_id": "a\u0000b"}, "/external_id"),
        ({"description": "\ud800"}, "/description"),
        ({"occurred_at": "yesterday"}, "/occurred_at"),
        ({"occurred_at": "2026-11-20T09:58:00"}, "/occurred_at"),
        ({"occurred_at": "2026-11-20T11:00:00+08:00"}, "/occurred_at"),
        ({"contact": {"channel": "pigeon"}}, "/contact/channel"),
        ({"contact": {**CHAT, "agent": {"name": "x"}}}, "/contact/agent/staff_number"),
        ({"customer": {"id": "c", "phone": "12"}}, "/customer/phone"),
        ({"customer": {"id": "c", "email": "not mail"}}, "/customer/email"),
        ({"customer": {"id": "c", "time_zone": "Mars/Olympus"}}, "/customer/time_zone"),
        ({"evidence": [{"sha256": "x", "media_type": "y"}]}, "/evidence/0/sha256"),
        ({"facts": {"Bad Name": 1}}, "/facts/Bad Name"),
        ({"facts": {"deep": "\udfff"}}, "/facts"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_a_malformed_report_names_its_field(
    intake: Intake, changes: dict[str, Any], pointer: str
) -> None:
    answer = await intake.post("", report_body(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert any(found.startswith(pointer) for found in pointers), pointers
    assert await intake.event_names() == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"\xff\xfe", 422),
        (b'{"facts": {"x": NaN}}', 422),
        (b"[" * 100_000, 422),
        (b"1" * 300_000, 413),
    ],
)
async def test_what_is_no_json_object_is_the_callers_fault(
    intake: Intake, raw: bytes, status: int
) -> None:
    answer = await intake.client.post(
        "/v1/cases", content=raw, headers={"content-type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_idempotency_key_replays_and_refuses_another_body(intake: Intake) -> None:
    case = await opened(intake)
    path = f"/{case['id']}/contacts"
    first = await intake.post(path, CHAT, **{"Idempotency-Key": "k1"})
    again = await intake.post(path, CHAT, **{"Idempotency-Key": "k1"})
    other = await intake.post(path, {"channel": "app"}, **{"Idempotency-Key": "k1"})
    assert first.status_code == 201
    assert first.json() == again.json()
    assert other.status_code == 422
    assert (await intake.event_names()).count("contact.added") == 1


async def test_the_conversation_of_the_walkthrough(intake: Intake) -> None:
    case_id = (await opened(intake))["id"]
    asked = await intake.order(
        case_id, "ask_customer", text="请发付款凭证", facts=["evidence.payment_receipt"]
    )
    assert (asked.status_code, asked.json()["status"]) == (200, "waiting_customer")
    sent = await intake.client.post(
        f"/v1/cases/{case_id}/evidence",
        files={"file": ("C:\\凭证.exe", PNG, "application/x-msdownload")},
        data={"fact": "payment_receipt"},
    )
    assert sent.status_code == 201, sent.text
    body = sent.json()
    assert body["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert (body["media_type"], body["fact"]) == ("image/png", "evidence.payment_receipt")
    assert body["status"] == "open"
    assert "evidence.payment_receipt" not in [need["fact"] for need in body["missing_facts"]]
    kept = await intake.client.get(f"/v1/cases/{case_id}/evidence/{body['sha256']}")
    assert kept.content == PNG
    resolved = await intake.order(case_id, "resolve", outcome="refunded", summary="已退回")
    assert resolved.json()["status"] == "resolved"
    reopened = await intake.order(case_id, "reopen", reason="还没有到账")
    assert (reopened.json()["status"], reopened.json()["episode"]) == ("open", 2)
    await intake.order(case_id, "resolve", outcome="refunded", summary="再次退回")
    assert (await intake.order(case_id, "confirm")).json()["status"] == "closed"
    case = await intake.get(f"/{case_id}", after="cases:8")
    assert [line["event"] for line in case["timeline"]] == await intake.event_names()
    assert case["evidence"][0]["name"] == "凭证.exe"


async def test_a_file_needs_no_name_for_its_fact(intake: Intake) -> None:
    case_id = (await opened(intake))["id"]
    url = f"/v1/cases/{case_id}/evidence"
    first = await intake.client.post(url, files={"upload": ("r.txt", "收据".encode())})
    again = await intake.client.post(url, files={"upload": ("r.txt", "收据".encode())})
    assert first.json()["fact"] == "evidence.payment_receipt"
    assert first.json()["media_type"] == "text/plain"
    assert first.json()["missing_facts"] == []
    assert (again.status_code, again.json()["fact"]) == (201, "evidence.payment_receipt")
    assert await intake.event_names() == ["case.opened", "evidence.added"]


async def test_files_are_bounded_and_forms_must_be_forms(dsns: Mapping[str, str]) -> None:
    async with running(dsns, evidence_max_bytes=1000) as intake:
        case_id = (await opened(intake))["id"]
        url = f"/v1/cases/{case_id}/evidence"
        large = await intake.client.post(url, files={"file": ("x", b"x" * 100_000)})
        small_form = await intake.client.post(url, files={"file": ("x", b"x" * 2_000)})
        empty = await intake.client.post(url, files={"file": ("x", b"")})
        text = await intake.client.post(url, content=b"x", headers={"content-type": "text/plain"})
        unknown = await intake.client.post(
            f"/v1/cases/{uuid4()}/evidence", files={"file": ("x", b"x")}
        )
    assert large.status_code == 413
    assert small_form.status_code == 413
    assert (empty.status_code, text.status_code) == (422, 422)
    assert text.json()["errors"][0]["pointer"] == "/file"
    assert unknown.status_code == 404


async def test_an_illegal_command_names_reason_and_statuses(intake: Intake) -> None:
    case_id = (await opened(intake))["id"]
    answer = await intake.order(case_id, "confirm")
    assert answer.status_code == 409
    assert answer.json()["reason"] == "not_in_this_status"
    assert answer.json()["statuses"] == ["resolved"]


@pytest.mark.parametrize(
    ("command", "fields", "pointer"),
    [
        ("reply", {"channel": "chat"}, "/text"),
        ("promise", {"what": "x", "by_when": "2026-11-20T09:00:00+08:00"}, "/by_when"),
        ("classify", {"category": "x", "reason": "y"}, "/category"),
        ("dance", {}, ""),
    ],
)
async def test_a_malformed_command_names_its_field(
    intake: Intake, command: str, fields: dict[str, Any], pointer: str
) -> None:
    case_id = (await opened(intake))["id"]
    answer = await intake.order(case_id, command, **fields)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


async def test_promise_split_and_merge(intake: Intake) -> None:
    case_id = (await opened(intake))["id"]
    promised = await intake.order(
        case_id, "promise", what="回电", by_when="2026-11-20T15:00:00+08:00"
    )
    kept = await intake.order(case_id, "keep_promise", promise=promised.json()["promise_id"])
    assert kept.status_code == 200
    contact = await intake.post(f"/{case_id}/contacts", CHAT)
    split = await intake.order(case_id, "split", contacts=[contact.json()["contact_id"]])
    new_case = split.json()["new_case"]
    assert (await intake.get(f"/{new_case}"))["customer"]["id"] == "cust-1001"
    merged = await intake.order(new_case, "merge", into=case_id)
    assert merged.json()["status"] == "merged"
    late = await intake.post(f"/{new_case}/contacts", CHAT)
    assert (late.status_code, late.json()["reason"]) == (409, "not_in_this_status")
    nowhere = await intake.order(case_id, "merge", into=str(uuid4()))
    assert nowhere.json()["errors"][0]["pointer"] == "/into"


async def test_unknown_cases_are_404_at_once_and_positions_are_waited_for(intake: Intake) -> None:
    assert (await intake.client.get(f"/v1/cases/{uuid4()}")).status_code == 404
    assert (await intake.order(str(uuid4()), "confirm")).status_code == 404
    case_id = (await opened(intake))["id"]
    wrong = await intake.client.get(f"/v1/cases/{case_id}", params={"after": "deliveries:1"})
    assert wrong.status_code == 422


async def test_search_finds_by_every_key_and_pages(intake: Intake) -> None:
    ids = []
    for number in range(5):
        changes = {
            "external_id": f"call-{number}",
            "transaction": {"id": f"tx-{number}"},
        }
        ids.append((await opened(intake, **changes))["id"])
    await intake.order(ids[0], "close", reason="done")
    for parameters in (
        {"customer": "cust-1001"},
        {"phone": "+8613800000000"},
        {"phone": "8613800000000"},
        {"email": "CUSTOMER@example.com"},
        {"customer": "cust-1001", "email": "customer@example.com"},
        {"category": "funds_not_received"},
        {"customer": "cust-1001", "opened_after": "2026-11-20T09:59:59+08:00"},
    ):
        found = await intake.get(**parameters)
        assert {item["id"] for item in found["items"]} == set(ids), parameters
    assert [i["id"] for i in (await intake.get(transaction="tx-3"))["items"]] == [ids[3]]
    assert [i["id"] for i in (await intake.get(status="closed"))["items"]] == [ids[0]]
    both = await intake.get(customer="cust-1001", status="closed")
    assert [i["id"] for i in both["items"]] == [ids[0]]
    for nothing in (
        {"customer": "cust-2"},
        {"customer": "cust-1001", "transaction": "tx-none"},
        {"opened_before": "2026-11-20T09:59:59+08:00"},
        {"opened_after": "2126-11-20T09:59:59+08:00"},
        {"opened_after": "2126-11-20T09:59:59+08:00", "status": "open"},
        {"opened_after": "2126-11-20T09:59:59+08:00", "customer": "cust-1001"},
        {"status": "open", "category": "refund"},
    ):
        assert (await intake.get(**nothing))["items"] == []
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await intake.get(customer="cust-1001", limit=2, **cursor)
        seen += [item["id"] for item in answer["items"]]
        if answer["next"] is None:
            break
        cursor = {"cursor": answer["next"]}
    assert sorted(seen) == sorted(ids)
    broken = await intake.client.get("/v1/cases", params={"cursor": "bm9uc2Vuc2U"})
    assert broken.status_code == 422
