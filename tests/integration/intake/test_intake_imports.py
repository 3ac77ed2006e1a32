"""`POST /v1/imports` on a real database: identity, idempotency, search, and what is refused."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import httpx

from tests.support.cases import report_body
from tests.support.intake import Intake

OPENED_AT = "2026-11-17T15:00:00+08:00"


async def bring(
    intake: Intake, mode: str, key: str | None = None, **changes: Any
) -> httpx.Response:
    body = {**report_body(), "mode": mode, "opened_at": OPENED_AT, **changes}
    headers = {"Idempotency-Key": key} if key else {}
    return await intake.client.post("/v1/imports", json=body, headers=headers)


async def test_a_case_comes_in_once(intake: Intake) -> None:
    answers = await asyncio.gather(
        *(bring(intake, "historical", status="closed") for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    (case_id,) = {answer.json()["id"] for answer in answers}
    reported = await intake.post("", report_body())
    assert (reported.status_code, reported.json()["id"]) == (200, case_id)
    assert await intake.event_names() == ["case.opened"]
    case = await intake.get(f"/{case_id}")
    assert (case["status"], case["import_mode"]) == ("closed", "historical")
    instants = {datetime.fromisoformat(case[name]) for name in ("opened_at", "started_at")}
    assert instants == {datetime.fromisoformat(OPENED_AT)}
    found = await intake.get(customer="cust-1001", opened_before="2026-11-18T00:00:00Z")
    assert [item["id"] for item in found["items"]] == [case_id]


async def test_a_key_replays_the_answer_of_an_import(intake: Intake) -> None:
    first = await bring(intake, "resume", "key-1", consumed={"resolution": "PT2H"})
    again = await bring(intake, "resume", "key-1", consumed={"resolution": "PT2H"})
    assert (first.status_code, again.content) == (201, first.content)
    other = await bring(intake, "resume", "key-1", consumed={"resolution": "PT3H"})
    assert other.status_code == 422


async def test_an_import_is_refused_at_the_field_at_fault(intake: Intake) -> None:
    changes: list[tuple[str, dict[str, Any], str]] = [
        ("resume", {"consumed": {"nothing": "PT1H"}}, "/consumed/nothing"),
        ("resume", {"status": "closed"}, "/status"),
        ("resume", {"consumed": {"update": "an hour"}}, "/consumed/update"),
        ("sideways", {}, "/mode"),
    ]
    for mode, fields, pointer in changes:
        refused = await bring(intake, mode, **fields)
        assert refused.status_code == 422, refused.text
        assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]
    missing = await intake.client.post("/v1/imports", json=report_body())
    pointers = {error["pointer"] for error in missing.json()["errors"]}
    assert pointers == {"/mode", "/opened_at"}
    assert await intake.log() == []


async def test_a_report_about_an_old_matter_opens_a_case_of_its_own(intake: Intake) -> None:
    history = await bring(intake, "historical")
    reported = await intake.post("", report_body(external_id="call-779"))
    assert reported.status_code == 201, json.dumps(reported.json())
    assert reported.json()["id"] != history.json()["id"]
    resumed = await bring(intake, "resume", external_id="old-2")
    chat = await intake.post("", report_body(external_id="call-780"))
    assert (resumed.status_code, chat.status_code) == (201, 200)
