"""One outage, several cases: one update for all, each case still its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from tests.support.desk import AGENT, Desk, Json, clock, reason_of, report_of
from tests.support.stack import RunningStack
from tests.support.topics import chains, everything_on_topics, names

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SUPERVISOR = {"role": "supervisor", "id": "S1001", "name": "孙丽"}


@dataclass
class Outage:
    """An incident and its cases, by the name of each customer."""

    desk: Desk
    stack: RunningStack
    path: str
    cases: dict[str, str] = field(default_factory=dict)

    async def report(self, name: str, locale: str = "zh-CN") -> None:
        """A case of a customer with a language of their own."""
        body = report_of(name)
        body["customer"]["locale"] = locale
        self.cases[name] = (await self.desk.report(body))["id"]

    async def link(self, name: str) -> Json:
        answer = await self.stack.client.put(
            f"{self.path}/cases/{self.cases[name]}", json={"by": AGENT}
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def unlink(self, name: str) -> Json:
        answer = await self.stack.client.delete(f"{self.path}/cases/{self.cases[name]}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def say(self, text: str, what: str = "updates", **fields: Any) -> Json:
        body = {"text": text, "by": SUPERVISOR, **fields}
        answer = await self.desk.post(f"{self.path}/{what}", body)
        assert answer.status_code == (201 if what == "updates" else 200), answer.text
        return dict(answer.json())

    async def seen(self, name: str) -> Json:
        """The ladder of a case after everything that intake has said of it."""
        position = (await self.desk.get(f"/v1/cases/{self.cases[name]}"))["position"]
        return await self.desk.seen(self.cases[name], position)

    async def mails(self, name: str, text: str) -> list[Json]:
        """The mails to a customer that say something."""
        found = await self.desk.mails(f"c{name}@example.com", self.cases[name])
        return [mail for mail in found if text in mail["text"]]

    async def heard(self, name: str) -> list[str]:
        """The events of the case's proved chain, by name, of its link only."""
        case_id = self.cases[name]
        proved = chains(await everything_on_topics(self.stack), [case_id], "cases")
        told = names(proved["cases", case_id])
        return [each.removeprefix("incident.") for each in told if each.startswith("incident.")]


async def begun(desk: Desk, stack: RunningStack) -> Outage:
    answer = await desk.post("/v1/incidents", {"title": "支付通道故障", "by": SUPERVISOR})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "open"
    return Outage(desk, stack, answer.headers["location"])


async def test_one_update_for_all_and_each_case_still_its_own(
    stack: RunningStack, desk: Desk
) -> None:
    outage = await begun(desk, stack)
    await _three_customers_report_the_same(outage)
    await _linked_their_clocks_wait(outage)
    await _one_update_reaches_each_in_their_language_and_answers_the_clocks(outage)
    await _nobody_climbs_while_it_lasts(outage)
    await _one_was_no_part_of_it_and_is_owed_an_answer(outage)
    await _one_is_solved_by_itself(outage)
    await _the_end_is_told_and_the_rest_runs_on(outage)


async def _three_customers_report_the_same(outage: Outage) -> None:
    await outage.stack.to("11-20T10:00")
    await outage.report("outage-1")
    await outage.report("outage-2", locale="en-GB")
    await outage.report("outage-3")


async def _linked_their_clocks_wait(outage: Outage) -> None:
    for name in outage.cases:
        linked = await outage.link(name)
        assert linked["position"] == (await outage.link(name))["position"]
        ladder = await outage.seen(name)
        assert (ladder["incident"], ladder["state"]) == (linked["incident"], "paused")
        states = {each["name"]: each["state"] for each in ladder["clocks"]}
        assert states == {"first_response": "running", "update": "running", "resolution": "paused"}
    other = await begun(outage.desk, outage.stack)
    answer = await outage.stack.client.put(f"{other.path}/cases/{outage.cases['outage-1']}")
    assert reason_of(answer) == "linked_elsewhere"


async def _one_update_reaches_each_in_their_language_and_answers_the_clocks(
    outage: Outage,
) -> None:
    await outage.stack.to("11-20T10:05")
    said = await outage.say("我们正在抢修", translations={"en": "We are repairing it"})
    assert said == {"update": 1, "cases": 3}
    await outage.stack.quiet()
    for name, text in (
        ("outage-1", "我们正在抢修"),
        ("outage-2", "We are repairing it"),
        ("outage-3", "我们正在抢修"),
    ):
        (mail,) = await outage.mails(name, text)
        assert ("14:05" in mail["text"]) or ("06:05" in mail["text"]), "the next promised time"
        ladder = await outage.seen(name)
        assert clock(ladder, "first_response")["state"] == "met"
        assert clock(ladder, "update")["due_at"] == "2026-11-20T14:05:00+08:00"
        told = await outage.desk.deliveries(outage.cases[name])
        news = [each["channel"] for each in told if each["template"] == "incident_updated"]
        assert sorted(news) == ["email", "in_app"]


async def _nobody_climbs_while_it_lasts(outage: Outage) -> None:
    await outage.stack.to("11-20T11:00")
    for name in outage.cases:
        assert (await outage.seen(name))["rung"] == "frontline"


async def _one_was_no_part_of_it_and_is_owed_an_answer(outage: Outage) -> None:
    unlinked = await outage.unlink("outage-1")
    assert unlinked["incident"] is None
    assert unlinked["position"] == (await outage.unlink("outage-1"))["position"]
    await outage.stack.quiet()
    ladder = await outage.seen("outage-1")
    assert (ladder["rung"], ladder["incident"]) == ("senior", None)
    first = clock(ladder, "first_response")
    assert (first["state"], first["missed_at"]) == ("missed", "2026-11-20T10:13:00+08:00")
    assert clock(ladder, "update")["due_at"] == "2026-11-20T13:58:00+08:00"
    # The hour of the link is given back: two minutes of it on Friday, the rest on Monday.
    assert clock(ladder, "resolution")["due_at"] == "2026-11-23T09:58:00+08:00"


async def _one_is_solved_by_itself(outage: Outage) -> None:
    await outage.desk.case(outage.cases["outage-2"], "resolve", outcome="credited")
    assert (await outage.seen("outage-2"))["incident"] is None


async def _the_end_is_told_and_the_rest_runs_on(outage: Outage) -> None:
    said = await outage.say("已经恢复", "close")
    assert said == {"status": "closed", "update": 2, "cases": 1}
    await outage.stack.quiet()
    assert len(await outage.mails("outage-3", "已经恢复")) == 1
    assert await outage.mails("outage-1", "已经恢复") == []
    assert await outage.mails("outage-2", "已经恢复") == []
    ladder = await outage.seen("outage-3")
    assert (ladder["rung"], ladder["state"], ladder["incident"]) == ("frontline", "running", None)
    assert clock(ladder, "first_response")["state"] == "met"
    assert clock(ladder, "resolution")["due_at"] == "2026-11-23T09:58:00+08:00"
    assert await outage.heard("outage-1") == ["linked", "updated", "unlinked"]
    assert await outage.heard("outage-2") == ["linked", "updated"]
    assert await outage.heard("outage-3") == ["linked", "updated", "updated", "unlinked"]
    refused = await outage.desk.post(f"{outage.path}/updates", {"text": "x", "by": SUPERVISOR})
    assert reason_of(refused) == "incident_closed"
    explained = await outage.desk.get(f"/v1/ladders/{outage.cases['outage-1']}/explain")
    answered = clock(explained, "first_response")
    assert [each["what"] for each in answered["events"]] == ["started", "restored"]


async def test_a_teller_that_dies_tells_nobody_twice_and_forgets_nobody(
    stack: RunningStack, desk: Desk
) -> None:
    outage = await begun(desk, stack)
    for number in range(24):
        await outage.report(f"killed-{number}")
        await outage.link(f"killed-{number}")
    assert (await outage.say("断电"))["cases"] == 24
    await stack.back("intake", await stack.end("intake"))
    await stack.quiet()
    incident = await desk.get(outage.path)
    assert (incident["cases"], incident["untold"]) == (24, 0)
    proved = chains(await everything_on_topics(stack), set(outage.cases.values()), "cases")
    told = [names(chain).count("incident.updated") for chain in proved.values()]
    assert told == [1] * 24
    for name in outage.cases:
        assert len(await outage.mails(name, "断电")) == 1


async def test_an_incident_that_nobody_knows(desk: Desk, stack: RunningStack) -> None:
    path = f"/v1/incidents/{UUID(int=9)}"
    assert (await stack.client.get(path)).status_code == 404
    answer = await desk.post(f"{path}/updates", {"text": "x", "by": SUPERVISOR})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
