"""One case from report to closure, as `walkthrough.md` section 4 tells it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.support.cases import report_body
from tests.support.desk import SENIOR, Desk, clock, customer, reason_of
from tests.support.inbox import messages
from tests.support.stack import RunningStack
from tests.support.topics import (
    backend,
    chains,
    everything_on_topics,
    names,
    send_report,
)

pytestmark = pytest.mark.system

REPORT = report_body()
CUSTOMER = customer(REPORT)
MAILBOX = "customer@example.com"
_DURATION: TypeAdapter[timedelta] = TypeAdapter(timedelta)


def shanghai(text: str) -> str:
    """An instant of 2026 as the walkthrough writes it."""
    return f"2026-{text}:00+08:00"


def same(left: str, right: str) -> bool:
    return datetime.fromisoformat(left) == datetime.fromisoformat(right)


@dataclass
class Story:
    """The case as it goes on."""

    desk: Desk
    stack: RunningStack
    id: str = ""
    missed: list[str] = field(default_factory=list)

    async def told(self, *templates: str) -> list[dict[str, Any]]:
        """The newest mails to the customer, which must be these, in this order."""
        await self.stack.quiet()
        deliveries = [
            each
            for each in await self.desk.deliveries(self.id)
            if each["channel"] == "email" and not each["recipient"].startswith("group:")
        ]
        assert [each["template"] for each in deliveries][-len(templates) :] == list(templates)
        mails = await self.desk.mails(MAILBOX, self.id)
        assert len(mails) == len(deliveries)
        return mails[-len(templates) :]

    async def seen(self) -> dict[str, Any]:
        """The ladder after everything that is known of the case."""
        position = (await self.desk.get(f"/v1/cases/{self.id}"))["position"]
        return await self.desk.seen(self.id, position)


async def test_one_case_from_report_to_closure(stack: RunningStack, desk: Desk) -> None:
    story = Story(desk, stack)
    await _friday_the_call_is_cut(story)
    await _the_same_report_again_changes_nothing(story)
    await _a_chat_about_the_same_transfer_joins_the_case(story)
    await _an_agent_claims_and_asks(story)
    await _saturday_the_customer_sends_the_receipt(story)
    await _nobody_acts_the_customer_is_told_and_senior_is_entered_once(story)
    await _senior_does_not_acknowledge_and_a_written_brief_is_mailed(story)
    await _social_is_offered_and_needs_consent(story)
    await _regulator_is_offered(story)
    await _resolved_the_customer_is_asked_to_confirm(story)
    await _reopened_is_episode_two(story)
    await _confirmed_is_closed(story)
    await _explain_reproduces_the_instants(story)
    await _the_inbox_resumes(story)
    await _the_streams_tell_the_same_story(story)


async def _friday_the_call_is_cut(story: Story) -> None:
    await story.stack.to("11-20T09:58")
    answer = await story.desk.post("/v1/cases", REPORT)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    story.id = body["id"]
    assert answer.headers["location"] == f"/v1/cases/{story.id}"
    assert (body["status"], body["category"]) == ("open", "funds_not_received")
    assert (body["severity"], body["lane"]) == ("normal", "ordinary")
    assert body["triage"]["category"] == {"value": "funds_not_received", "reason": "stated"}
    assert [missing["fact"] for missing in body["missing_facts"]] == ["evidence.payment_receipt"]
    assert body["position"] == "cases:1"
    ladder = await story.desk.seen(story.id, "cases:1")
    assert (ladder["episode"], ladder["rung"], ladder["visit"]) == (1, "frontline", 1)
    assert (ladder["path"], ladder["owner_group"]) == ("phone", "frontline")
    assert (ladder["holder"], ladder["state"], ladder["offers"]) == (None, "running", [])
    assert (ladder["policy"]["name"], ladder["policy"]["version"]) == ("wallet-default", "1")
    assert ladder["policy"]["digest"].startswith("sha256:")
    dues = {each["name"]: each["due_at"] for each in ladder["clocks"]}
    assert dues == {
        "first_response": shanghai("11-20T10:13"),
        "update": shanghai("11-20T13:58"),
        "resolution": shanghai("11-20T17:58"),
    }
    expected = {"at": shanghai("11-20T10:13"), "what": "first_response", "then": "senior"}
    assert ladder["next"] == expected
    (mail,) = await story.told("case_received")
    assert story.id in mail["subject"]
    assert "张三" in mail["text"]
    assert "2026年11月20日周五 13:58" in mail["text"]
    assert mail["headers"]["Message-ID"]


async def _the_same_report_again_changes_nothing(story: Story) -> None:
    assert (await story.desk.report(REPORT, 200))["id"] == story.id
    async with backend(story.stack) as producer:
        await send_report(story.stack, producer, "again", REPORT)
        await send_report(story.stack, producer, "and-again", REPORT)
    await story.stack.quiet()
    case = await story.desk.get(f"/v1/cases/{story.id}")
    assert case["position"] == "cases:1"
    assert len(case["contacts"]) == 1


async def _a_chat_about_the_same_transfer_joins_the_case(story: Story) -> None:
    await story.stack.to("11-20T10:03")
    chat = report_body(
        source="chat",
        external_id="chat-12",
        occurred_at=shanghai("11-20T10:03"),
        contact={"channel": "chat", "direction": "inbound", "summary": "还是没有到账"},
    )
    assert (await story.desk.report(chat, 200))["id"] == story.id
    case = await story.desk.get(f"/v1/cases/{story.id}")
    assert [contact["channel"] for contact in case["contacts"]] == ["phone", "chat"]
    assert same(case["started_at"], shanghai("11-20T09:58"))
    ladder = await story.seen()
    assert clock(ladder, "first_response")["due_at"] == shanghai("11-20T10:13")
    assert clock(ladder, "resolution")["started_at"] == shanghai("11-20T09:58")


async def _an_agent_claims_and_asks(story: Story) -> None:
    await story.stack.to("11-20T10:10")
    claimed = await story.desk.ladder(story.id, "claim")
    assert claimed["holder"] == {"staff_number": "A1024", "name": "李四"}
    asked = await story.desk.case(
        story.id, "ask_customer", text="请提供付款凭证", facts=["evidence.payment_receipt"]
    )
    assert asked["status"] == "waiting_customer"
    ladder = await story.seen()
    assert ladder["holder"] == {"staff_number": "A1024", "name": "李四"}
    assert ladder["state"] == "paused"
    first = clock(ladder, "first_response")
    assert (first["state"], first["ended_at"]) == ("met", shanghai("11-20T10:10"))
    resolution = clock(ladder, "resolution")
    assert (resolution["state"], resolution["due_at"]) == ("paused", None)
    (pause,) = resolution["paused"]
    assert pause["reason"] == "waiting_customer"
    assert (pause["from"], pause["to"]) == (shanghai("11-20T10:10"), None)
    held, question = await story.told("holder_changed", "customer_asked")
    assert "李四" in held["text"]
    assert "A1024" in held["text"]
    assert "请提供付款凭证" in question["text"]
    assert {held["headers"]["Message-ID"]} != {question["headers"]["Message-ID"]}
    assert question["headers"]["References"] == held["headers"]["References"]


async def _saturday_the_customer_sends_the_receipt(story: Story) -> None:
    await story.stack.to("11-21T20:00")
    provided = await story.desk.case(
        story.id, "provide", CUSTOMER, facts={"evidence.payment_receipt": "凭证号 8871"}
    )
    assert (provided["status"], provided["missing_facts"]) == ("open", [])
    ladder = await story.seen()
    assert ladder["state"] == "running"
    # 12 minutes of 8 hours were used on Friday; the next open minute is Monday 09:00.
    assert clock(ladder, "resolution")["due_at"] == shanghai("11-23T16:48")
    assert clock(ladder, "update")["due_at"] == shanghai("11-23T13:00")
    assert clock(ladder, "first_response")["ended_at"] == shanghai("11-20T10:10")


async def _nobody_acts_the_customer_is_told_and_senior_is_entered_once(story: Story) -> None:
    await story.stack.to("11-23T12:59")
    before = len(await story.desk.mails(MAILBOX, story.id))
    await story.stack.to("11-23T13:00")
    (delayed,) = await story.told("case_delayed")
    assert len(await story.desk.mails(MAILBOX, story.id)) == before + 1
    assert same(delayed["at"], shanghai("11-23T13:00"))
    assert "2026年11月23日周一 17:00" in delayed["text"]
    await story.stack.to("11-23T16:48")
    ladder = await story.seen()
    assert (ladder["rung"], ladder["path"], ladder["visit"]) == ("senior", "senior", 1)
    assert (ladder["owner_group"], ladder["holder"]) == ("senior", None)
    entered = ladder["history"][-1]
    assert (entered["reason"], entered["entered_at"]) == (
        "resolution_missed",
        shanghai("11-23T16:48"),
    )
    (told,) = await story.told("rung_entered")
    assert "高级客服" in told["text"]
    (brief,) = await story.desk.mails("senior@wallet.example", story.id)
    assert REPORT["description"] in brief["text"]
    queue = (await story.desk.get("/v1/queues/senior", sort="next_due"))["items"]
    assert [item["case_id"] for item in queue] == [story.id]
    assert (await story.desk.get("/v1/queues/frontline"))["items"] == []


async def _senior_does_not_acknowledge_and_a_written_brief_is_mailed(story: Story) -> None:
    await story.stack.to("11-23T17:47")
    assert (await story.seen())["rung"] == "senior"
    await story.stack.to("11-23T17:48")
    ladder = await story.seen()
    assert (ladder["rung"], ladder["path"], ladder["owner_group"]) == (
        "email",
        "email",
        "written_care",
    )
    assert ladder["history"][-1]["clock"] == "acknowledgement"
    (brief,) = await story.desk.mails("care@wallet.example", story.id)
    for known in (
        "张三",
        MAILBOX,
        "tx-5567",
        "1,280.00",
        "凭证号 8871",
        "来电中断",
        "请提供付款凭证",
    ):
        assert known in brief["text"], known


async def _social_is_offered_and_needs_consent(story: Story) -> None:
    await story.stack.to("11-25T17:48")
    (offer,) = (await story.seen())["offers"]
    assert (offer["rung"], offer["consent_given"]) == ("social", False)
    (mail,) = await story.told("offer_made")
    assert offer["wording"]["zh"] in mail["text"]
    assert await story.desk.mails("social-care@wallet.example") == []
    await story.stack.to("11-26T10:00")
    refused = await story.desk.try_ladder(story.id, "accept_offer", CUSTOMER, rung="social")
    assert reason_of(refused) == "consent_missing"
    assert (await story.seen())["rung"] == "email"
    consent = await story.desk.case(
        story.id, "consent", CUSTOMER, to="social", wording=offer["wording"]["zh"], given=True
    )
    accepted = await story.desk.try_ladder(
        story.id, "accept_offer", CUSTOMER, consent["position"], rung="social"
    )
    assert accepted.status_code == 200, accepted.text
    assert (accepted.json()["rung"], accepted.json()["path"]) == ("social", "social")
    await story.told("offer_accepted")
    (handed,) = await story.desk.mails("social-care@wallet.example", story.id)
    for secret in ("张三", "13800000000", MAILBOX, "tx-5567", "1,280", "1280", "cust-1001"):
        assert secret not in handed["text"], secret


async def _regulator_is_offered(story: Story) -> None:
    await story.stack.to("11-30T10:00")
    ladder = await story.seen()
    assert [offer["rung"] for offer in ladder["offers"]] == ["regulator"]
    assert ladder["rung"] == "social"
    (mail,) = await story.told("offer_made")
    assert "监管" in mail["text"]


async def _resolved_the_customer_is_asked_to_confirm(story: Story) -> None:
    await story.stack.to("11-30T10:30")
    await story.desk.ladder(story.id, "claim", SENIOR)
    resolved = await story.desk.case(
        story.id, "resolve", SENIOR, outcome="credited", summary="款项已入账"
    )
    assert resolved["status"] == "resolved"
    ladder = await story.seen()
    assert (ladder["state"], ladder["next"], ladder["offers"]) == ("stopped", None, [])
    assert {each["state"] for each in ladder["clocks"]}.isdisjoint({"running", "paused"})
    (mail,) = await story.told("case_resolved")
    assert "款项已入账" in mail["text"]
    assert "请确认" in mail["subject"]
    assert "A2001" in mail["text"]


async def _reopened_is_episode_two(story: Story) -> None:
    await story.stack.to("11-30T14:00")
    before = (await story.seen())["history"]
    await story.desk.case(story.id, "reopen", CUSTOMER, reason="还是没有到账")
    ladder = await story.seen()
    assert (ladder["episode"], ladder["rung"], ladder["visit"]) == (2, "senior", 1)
    assert ladder["state"] == "running"
    assert clock(ladder, "first_response")["due_at"] == shanghai("11-30T14:15")
    assert clock(ladder, "resolution")["due_at"] == shanghai("12-01T13:00")
    assert ladder["history"][:-1] == before
    await story.told("case_reopened")


async def _confirmed_is_closed(story: Story) -> None:
    await story.stack.to("11-30T14:10")
    await story.desk.ladder(story.id, "claim", SENIOR)
    await story.told("holder_changed")
    await story.desk.case(story.id, "resolve", SENIOR, outcome="credited", summary="已补入账")
    confirmed = await story.desk.case(story.id, "confirm", CUSTOMER)
    assert confirmed["status"] == "closed"
    await story.told("case_resolved", "case_closed")
    await story.stack.to("12-31T12:00")
    ladder = await story.seen()
    assert (ladder["state"], ladder["rung"]) == ("stopped", "senior")
    rungs = [(rung["episode"], rung["rung"], rung["visit"]) for rung in ladder["history"]]
    assert rungs == [
        (1, "frontline", 1),
        (1, "senior", 1),
        (1, "email", 1),
        (1, "social", 1),
        (2, "senior", 1),
    ]
    await story.told("case_closed")


async def _explain_reproduces_the_instants(story: Story) -> None:
    ladder = await story.seen()
    explained = await story.desk.get(f"/v1/ladders/{story.id}/explain")
    entered = [(rung["rung"], rung["entered_at"], rung["reason"]) for rung in explained["rungs"]]
    assert entered == [
        (rung["rung"], rung["entered_at"], rung["reason"]) for rung in ladder["history"]
    ]
    assert all(rung["pack_digest"] == ladder["policy"]["digest"] for rung in explained["rungs"])
    (resolution,) = [
        each
        for each in explained["clocks"]
        if each["name"] == "resolution" and each["episode"] == 1
    ]
    assert resolution["calendar"]["digest"].startswith("sha256:")
    counted = [_DURATION.validate_python(step["counted"]) for step in resolution["segments"]]
    until_due = [
        (step, length)
        for step, length in zip(resolution["segments"], counted, strict=True)
        if datetime.fromisoformat(step["to"]) <= datetime.fromisoformat(shanghai("11-23T16:48"))
    ]
    assert sum((length for _, length in until_due), timedelta()) == timedelta(hours=8)
    assert resolution["missed_at"] == until_due[-1][0]["to"] == shanghai("11-23T16:48")
    assert any(step["why"] == "open hours" for step, length in until_due if length)
    for before, after in zip(resolution["segments"], resolution["segments"][1:], strict=False):
        assert before["to"] == after["from"]


async def _the_inbox_resumes(story: Story) -> None:
    mine = [
        each
        for each in await story.desk.deliveries(story.id)
        if each["channel"] == "in_app" and not each["recipient"].startswith("group:")
    ]
    found = await messages(story.stack.client, CUSTOMER["id"], len(mine))
    assert [each["sse_id"] for each in found] == [each["id"] for each in mine]
    assert story.id in json.dumps(found[0], ensure_ascii=False)
    assert re.search("[\u4e00-\u9fff]", found[0]["text"])
    after = await messages(story.stack.client, CUSTOMER["id"], len(mine) - 3, found[2]["sse_id"])
    assert after == found[3:]
    read = await story.desk.post(
        f"/v1/recipients/{CUSTOMER['id']}/inbox/{found[0]['sse_id']}/read", {}
    )
    assert read.status_code == 200, read.text
    assert read.json()["status"] == "confirmed"


async def _the_streams_tell_the_same_story(story: Story) -> None:
    await story.stack.quiet()
    records = await everything_on_topics(story.stack)
    found = chains(records, [story.id])
    told = names(found["cases", story.id])
    assert told.count("case.opened") == 1
    assert told[:3] == ["case.opened", "contact.added", "customer.asked"]
    assert told[-3:] == ["case.reopened", "case.resolved", "case.confirmed"]
    climbed = names(found["escalations", story.id])
    assert climbed.count("rung.entered") == 5
    assert (climbed.count("offer.made"), climbed.count("offer.accepted")) == (2, 1)
    deliveries = await story.desk.deliveries(story.id)
    assert {each["status"] for each in deliveries} <= {"sent", "confirmed"}
    keys = [(each["event_id"], each["recipient"], each["channel"]) for each in deliveries]
    assert len(set(keys)) == len(keys)
    sent = names(found["deliveries", story.id])
    assert sent.count("delivery.sent") == len(deliveries)
