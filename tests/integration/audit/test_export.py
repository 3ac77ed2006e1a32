"""A data subject is given theirs: all of it, nobody else's, and staff by number only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.cli.exporting import files_of, joined
from tests.support.matrix import PEOPLE, report
from tests.support.town import Town, town

_WORDING = "I allow the official account to write to me about this."
_AGENT = {"role": "agent", "id": "A1024", "name": "Li Si the Agent"}
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
SERVICES = ("intake", "escalation", "notifier")


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[Town]:
    async with town(dsns) as made:
        yield made


async def _story(here: Town, whose: str) -> str:
    """A case with everything that an export has to hold."""
    client, backend = here.clients["intake"], here.as_("backend", PEOPLE["backend"])
    proxy = {
        "name": f"Cousin of {whose}",
        "relation": "cousin",
        "contact": {"email": "cousin@example.com"},
        "proof": "consent",
    }
    body = report(whose, description=f"words of {whose}", representative=proxy)
    answer = await client.post("/v1/cases", json=body, headers=backend)
    assert answer.status_code == 201, answer.text
    case = f"/v1/cases/{answer.json()['id']}"
    file = {"file": ("receipt.png", _PNG)}
    sent = await client.post(f"{case}/evidence", files=file, headers=backend)
    assert sent.status_code == 201, sent.text
    agent = here.as_("agent", "A1024", name=_AGENT["name"])
    promise = {"command": "promise", "what": "We call back.", "by_when": "2027-01-01T09:00:00Z"}
    reply = {"command": "reply", "text": f"Dear {whose}, we are at it.", "channel": "chat"}
    consent = {"command": "consent", "to": "social", "wording": _WORDING, "given": True}
    for order in (promise, reply, consent):
        told = await client.post(f"{case}/commands", json={**order, "by": _AGENT}, headers=agent)
        assert told.status_code == 200, told.text
    await here.settle()
    return str(answer.json()["id"])


async def _whole(here: Town, headers: dict[str, str], **named: str) -> dict[str, Any]:
    parts = {}
    for service in SERVICES:
        path = f"/v1/exports/{service}"
        pages, cursor = list[dict[str, Any]](), dict[str, str]()
        while not pages or cursor:
            query = {**named, **cursor, "limit": "1"}
            answer = await here.clients[service].get(path, params=query, headers=headers)
            assert answer.status_code == 200, answer.text
            pages.append(answer.json())
            cursor = {"cursor": pages[-1]["next"]} if pages[-1]["next"] else {}
        parts[service] = pages
    return joined(parts)


async def test_they_are_given_all_of_theirs_and_nothing_of_others(here: Town) -> None:
    case = await _story(here, "own")
    foreign = await _story(here, "foreign")
    found = await _whole(here, here.as_("ops", "ops-1"), customer="cust-own")
    assert (found["format"], set(found["cases"])) == ("recourse.subject-export", {case})
    told = found["cases"][case]
    assert told["case"]["description"] == "words of own"
    assert told["case"]["customer"]["phone"] == report("own")["customer"]["phone"]
    assert told["case"]["transaction"]["id"] == "tx-own"
    assert told["case"]["consents"][0]["wording"] == _WORDING
    assert told["case"]["promises"][0]["what"] == "We call back."
    assert told["case"]["represented"] == {"relation": "cousin", "proof": "consent"}
    assert {step["staff_number"] for step in told["case"]["timeline"]} >= {"A1024"}
    assert told["ladder"]["explanation"]["rungs"][0]["reason"] == "opened"
    assert any("Dear own" in (message["text"] or "") for message in told["messages"])
    text = json.dumps(found, ensure_ascii=False)
    others = ("foreign", foreign, "Cousin", "cousin@example.com", "whsec_")
    assert [each for each in others if each in text] == []
    # What was written to them stays as it was sent, and it named the agent to them.
    assert _AGENT["name"] not in json.dumps({**told, "messages": []}, ensure_ascii=False)
    ((_, path),) = files_of(found)
    file = await here.clients["intake"].get(path, headers=here.as_("ops", "ops-1"))
    assert file.content == _PNG


async def test_subject_customer_and_case_name_the_same_and_customers_get_their_own(
    here: Town,
) -> None:
    case, foreign = await _story(here, "own"), await _story(here, "foreign")
    ops = here.as_("ops", "ops-1")
    by_case = await _whole(here, ops, case_id=case)
    by_subject = await _whole(here, ops, subject=by_case["subject"])
    of_their_own = await _whole(here, here.as_("customer", "cust-own"))
    assert by_case["cases"] == by_subject["cases"] == of_their_own["cases"]
    customer = here.as_("customer", "cust-own")
    refused = await _status(here, customer, case_id=foreign)
    assert (refused, await _status(here, customer, customer="cust-foreign")) == (404, 403)
    assert await _status(here, ops, case_id=foreign, customer="cust-own") == 404
    assert (await _status(here, ops), await _status(here, ops, customer="stranger")) == (422, 404)


async def test_of_who_was_erased_nothing_is_left_to_give(here: Town) -> None:
    case = await _story(here, "own")
    sealer = here.houses["intake"].entities.sealer
    await sealer.erase(sealer.subject_of("customer", "cust-own"))
    for service in SERVICES:
        for named in ({"case_id": case}, {"customer": "cust-own"}):
            answer = await _ask(here, here.as_("ops", "ops-1"), service, **named)
            assert (answer.status_code, answer.json()["reason"]) == (410, "erased"), service


async def test_an_export_is_noted(here: Town) -> None:
    case = await _story(here, "own")
    await _whole(here, {**here.as_("ops", "ops-1"), "Recourse-Purpose": "dsar:7"}, case_id=case)
    for service in SERVICES:
        rows = await here.houses[service].entities.db.fetch(
            "SELECT * FROM audit WHERE purpose = 'dsar:7'"
        )
        assert {row["actor"] for row in rows} == {"ops-1"}
        assert {str(row["case_id"]) for row in rows} >= {case}


async def _ask(here: Town, headers: dict[str, str], service: str, **named: str) -> httpx.Response:
    path = f"/v1/exports/{service}"
    return await here.clients[service].get(path, params=named, headers=headers)


async def _status(here: Town, headers: dict[str, str], **named: str) -> int:
    return (await _ask(here, headers, "intake", **named)).status_code
