"""Nobody who watches topics, tables, logs or metrics sees anything personal in clear."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import httpx
import pytest

from tests.support.desk import Desk, Json, report_of
from tests.support.leaks import Search
from tests.support.places import everywhere
from tests.support.stack import RunningStack
from tests.support.topics import backend, send_report

pytestmark = pytest.mark.system

EVIDENCE = b"\x89PNG\r\n\x1a\n" + hashlib.sha256(b"evidence").digest() * 40
SECRETS: dict[str, str | bytes] = {
    "customer's name": "霍冬梅独一",
    "customer's phone": "13977700011",
    "customer's e-mail": "planted.person@example.org",
    "customer's id": "cust-planted-4711",
    "description": "钱在周五早上不见了独特描述",
    "agent's name": "诸葛客服甲",
    "second agent's name": "欧阳客服乙",
    "summary of the contact": "客户非常着急的独特摘要",
    "transaction's id": "tx-planted-90210",
    "counterparty": "merchant-planted-88",
    "call's id": "call-planted-5150",
    "value of a fact": "restarted-planted-fact",
    "provided fact": "planted-receipt-8871",
    "reply": "planted reply: 我们正在核实您的款项",
    "question": "planted question: 请提供凭证",
    "promise": "planted promise: 周一前答复",
    "reason of a pause": "planted pause reason",
    "reason of an escalation": "planted escalation reason",
    "brief of a handover": "planted handover brief",
    "reason of a recusal": "planted recusal reason",
    "third party": "planted third party bank",
    "its reference": "planted-reference-123",
    "third party's answer": "planted third party answer",
    "consent's wording": "planted wording: 我同意转交",
    "outcome": "planted-outcome-credited",
    "summary of the solution": "planted summary: 款项已入账",
    "reason of reopening": "planted reopening: 仍未到账",
    "reason of closing": "planted closing reason",
    "method of verification": "planted-method-passport",
    "name of a file": "planted-passport-scan.png",
    "evidence": EVIDENCE[8:56],
    "name in a dead letter": "planted-in-dead-letter",
    "text for an unknown case": "planted-for-unknown-case",
    "refused field": "planted-refused-value",
    "stated address": "planted.stated@example.org",
    "text of a second contact": "planted second contact",
    "title of an incident": "planted incident title",
    "update of an incident": "planted incident update",
    "update in another language": "planted 抢修中的独特消息",
}


def secret(name: str) -> str:
    text = SECRETS[name]
    assert isinstance(text, str)
    return text


AGENT = {"role": "agent", "id": "A1024", "name": secret("agent's name")}
OTHER = {"role": "agent", "id": "A1025", "name": secret("second agent's name")}
CUSTOMER = {"role": "customer", "id": secret("customer's id"), "name": secret("customer's name")}


def planted() -> Json:
    """A report in which everything personal is planted."""
    body = report_of("planted", description=secret("description"))
    body["external_id"] = secret("call's id")
    body["customer"] |= {
        "id": secret("customer's id"),
        "name": secret("customer's name"),
        "email": secret("customer's e-mail"),
        "phone": "+86" + secret("customer's phone"),
    }
    body["contact"] = {
        "channel": "phone",
        "direction": "inbound",
        "external_id": secret("call's id"),
        "agent": {"name": secret("agent's name"), "staff_number": "A1024"},
        "summary": secret("summary of the contact"),
    }
    body["transaction"] |= {
        "id": secret("transaction's id"),
        "counterparty": secret("counterparty"),
    }
    body["facts"] = {"already_tried": secret("value of a fact")}
    return body


async def test_nothing_personal_is_seen_in_clear(stack: RunningStack, desk: Desk) -> None:
    await stack.to("11-20T09:58")
    case_id = (await desk.report(planted()))["id"]
    await _people_talk(desk, case_id)
    await _an_incident(stack, desk, case_id)
    await _the_case_goes_round(stack, desk, case_id)
    await _what_cannot_be_taken(stack, desk, case_id)
    await stack.quiet()
    shown = await desk.get(f"/v1/cases/{case_id}")
    assert secret("customer's name") in json.dumps(shown, ensure_ascii=False), "readers do see it"

    places = await everywhere(stack)
    # What is not personal is found in each kind of place, so the search did look there.
    control = Search({"category": "funds_not_received"})
    assert all(control.found(each) for each in places.values())
    search = Search(SECRETS)
    leaks = [leak for each in places.values() for leak in search.found(each)]
    leaks += search.found(await _metrics(stack))
    assert leaks == [], "\n".join(["personal data in clear:", *leaks])


async def _people_talk(desk: Desk, case_id: str) -> None:
    contact = {"channel": "chat", "summary": secret("text of a second contact")}
    answer = await desk.post(f"/v1/cases/{case_id}/contacts", contact)
    assert answer.status_code == 201, answer.text
    await desk.ladder(case_id, "claim", AGENT)
    await desk.case(case_id, "reply", AGENT, text=secret("reply"), channel="email")
    await desk.case(case_id, "verify_identity", AGENT, method=secret("method of verification"))
    fact = "evidence.payment_receipt"
    await desk.case(case_id, "ask_customer", AGENT, text=secret("question"), facts=[fact])
    facts = {"note": secret("provided fact")}
    await desk.case(case_id, "provide", CUSTOMER, facts=facts)
    upload = await desk.stack.client.post(
        f"/v1/cases/{case_id}/evidence",
        files={"file": (secret("name of a file"), EVIDENCE, "image/png")},
        data={"fact": fact, "by": json.dumps(CUSTOMER)},
    )
    assert upload.status_code == 201, upload.text
    assert upload.json()["sha256"] == hashlib.sha256(EVIDENCE).hexdigest()
    assert upload.json()["media_type"] == "image/png"
    back = await desk.stack.client.get(f"/v1/cases/{case_id}/evidence/{upload.json()['sha256']}")
    assert back.content == EVIDENCE
    stated = {"channels": [{"channel": "email", "address": secret("stated address")}]}
    path = "/v1/recipients/" + secret("customer's id")
    answer = await desk.stack.client.put(path, json=stated)
    assert answer.status_code == 200, answer.text


async def _an_incident(stack: RunningStack, desk: Desk, case_id: str) -> None:
    words = {
        "text": secret("update of an incident"),
        "translations": {"zh": secret("update in another language")},
        "by": AGENT,
    }
    begun = await desk.post("/v1/incidents", {"title": secret("title of an incident"), **words})
    assert begun.status_code == 201, begun.text
    path = begun.headers["location"]
    for method in ("PUT", "DELETE"):
        linking = await stack.client.request(method, f"{path}/cases/{case_id}", json={"by": AGENT})
        assert linking.status_code == 200, linking.text
        assert (await desk.post(f"{path}/updates", words)).status_code == 201
        await stack.quiet()


async def _the_case_goes_round(stack: RunningStack, desk: Desk, case_id: str) -> None:
    by_when = "2026-11-23T12:00:00+08:00"
    await desk.case(case_id, "promise", AGENT, what=secret("promise"), by_when=by_when)
    party = {"party": secret("third party"), "reference": secret("its reference")}
    await desk.case(case_id, "wait_third_party", AGENT, **party)
    await desk.case(case_id, "third_party_answered", AGENT, text=secret("third party's answer"))
    await desk.ladder(case_id, "pause", AGENT, reason=secret("reason of a pause"))
    await desk.ladder(case_id, "resume", AGENT)
    brief = secret("brief of a handover")
    await desk.ladder(case_id, "hand_over", AGENT, to_agent="A1025", brief=brief)
    await desk.ladder(case_id, "recuse", OTHER, reason=secret("reason of a recusal"))
    reason = secret("reason of an escalation")
    await desk.ladder(case_id, "escalate", CUSTOMER, reason=reason)
    wording = secret("consent's wording")
    await desk.case(case_id, "consent", CUSTOMER, to="social", wording=wording, given=True)
    # Up the ladder by itself, to the written brief and to the offer of social.
    await stack.to("11-26T10:00")
    await desk.ladder(case_id, "accept_offer", CUSTOMER, rung="social")
    outcome = {"outcome": secret("outcome"), "summary": secret("summary of the solution")}
    await desk.case(case_id, "resolve", AGENT, **outcome)
    await desk.case(case_id, "reopen", CUSTOMER, reason=secret("reason of reopening"))
    await desk.case(case_id, "close", AGENT, reason=secret("reason of closing"))


async def _what_cannot_be_taken(stack: RunningStack, desk: Desk, case_id: str) -> None:
    refused = planted() | {"category": secret("refused field")}
    assert (await desk.post("/v1/cases", refused)).status_code == 422
    late = await desk.try_case(case_id, "resolve", AGENT, outcome=secret("outcome"))
    assert late.status_code == 409, late.text
    unread = planted() | {"external_id": "dead-1", "severity": secret("name in a dead letter")}
    stranger = {"source": "nobody", "external_id": "unknown"}
    fact: Any = {"case": stranger, "facts": {"text": secret("text for an unknown case")}}
    async with backend(stack) as producer:
        key = secret("transaction's id").encode()
        await send_report(stack, producer, "dead", unread, key=key)
        await send_report(stack, producer, "dead-json", b'{"' + key, key=key)
        await send_report(stack, producer, "waiting", fact, kind="fact.reported")
    await stack.quiet()
    letters = await stack.recourse("dead-letters", "list", "intake", "--json")
    assert {letter["reason"] for letter in letters} == {"invalid_value", "not_json"}
    waiting = await stack.fetch("SELECT reason FROM intake.foreign_waiting")
    assert [row["reason"] for row in waiting] == ["unknown_case"]


async def _metrics(stack: RunningStack) -> list[tuple[str, bytes]]:
    described = json.loads((stack.state / "stack.json").read_text())
    pages = []
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        for name, address in described["services"].items():
            page = await client.get(f"{address}/metrics")
            assert page.status_code == 200
            pages.append((f"metrics of {name}", page.content))
    return pages


def test_the_search_finds_what_it_is_for() -> None:
    search = Search({"name": "霍冬梅独一"})
    plain = "x霍冬梅独一y".encode()
    for content in (
        plain,
        base64.b64encode(plain),
        plain.hex().encode(),
        json.dumps(plain.decode()).encode(),
    ):
        assert search.found([("here", content)]), content
    assert search.found([("here", b"nothing")]) == []
