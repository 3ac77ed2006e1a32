"""Cases are given to people and taken from them, on a real database, by the test pack `people`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.topics import parse_value
from tests.integration.escalation.test_escalation_journal import explain_offline, printed
from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.escalation import escalation as running
from tests.support.people import SHANGHAI_OFFICE

PEOPLE = Path(__file__).parents[2] / "data" / "packs" / "people"
PIN = {"name": "people", "version": "1"}
_GIVEN = """SELECT entity, count(*) AS times FROM log
WHERE type = 'recourse.holder.changed.v1' GROUP BY entity"""
_SAID = """SELECT type, xmin::text AS transaction FROM log
WHERE topic = 'escalations' AND entity = $1 ORDER BY pos"""


@pytest.fixture
async def office(dsns: dict[str, str]) -> AsyncIterator[Escalation]:
    """A replica under the pack `people`, at 09:58, with an empty roster of the example's."""
    async with running(dsns, packs_dir=PEOPLE) as replica:
        await replica.set_clock(NINE_FIFTY_EIGHT)
        yield replica


async def staffed(office: Escalation, **groups: str) -> None:
    """A roster: each group with the staff numbers named, separated by blanks."""
    for group, numbers in groups.items():
        for number in numbers.split():
            answer = await office.put(number, name=f"Agent {number}", groups=[group])
            assert answer.status_code == 200, answer.text


async def opened(office: Escalation, number: int = 1, **fields: Any) -> UUID:
    return await office.opened(number, policy={**PIN, "digest": office.digest}, **fields)


async def produced(office: Escalation, amount: int) -> list[UUID]:
    """So many cases are opened; escalation has not read of them yet."""
    pin = {**PIN, "digest": office.digest}
    return [await office.opening(number, policy=pin) for number in range(amount)]


async def holder_of(office: Escalation, case_id: UUID) -> str | None:
    holder = (await office.ladder(case_id))["holder"]
    return None if holder is None else str(holder["staff_number"])


async def loads(office: Escalation, group: str) -> Counter[str]:
    rows = await office.entities.db.fetch(
        "SELECT holder FROM queue WHERE owner_group = $1 AND holder IS NOT NULL", group
    )
    return Counter(row["holder"] for row in rows)


async def waiting(office: Escalation, cases: list[UUID]) -> list[str | None]:
    """When somebody is looked for, of each of these cases that nobody holds."""
    ladders = [await office.ladder(case_id) for case_id in cases]
    return [ladder["assign_at"] for ladder in ladders if ladder["holder"] is None]


def holdings(ladder: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Who has held the case: the staff number, how it came, how it went."""
    return [(each["staff_number"], each["reason"], each["left"]) for each in ladder["holders"]]


async def test_a_case_is_given_in_the_transaction_that_enters_the_rung(office: Escalation) -> None:
    await staffed(office, frontline="A1")
    case_id = await opened(office)
    ladder = await office.ladder(case_id)
    assert ladder["holder"] == {"staff_number": "A1", "name": "Agent A1"}
    assert holdings(ladder) == [("A1", "assigned", None)]
    rows = await office.entities.db.fetch(_SAID, case_id)
    assert len({row["transaction"] for row in rows}) == 1, "never seen without its holder"
    said = [row["type"].split(".")[1:3] for row in rows]
    assert said.index(["rung", "entered"]) < said.index(["holder", "changed"])
    queue = await office.get("/v1/queues/frontline")
    assert [item["holder"] for item in queue["items"]] == ["A1"]


async def test_a_batch_entered_at_once_is_spread_evenly(office: Escalation) -> None:
    await staffed(office, frontline="A1 A2 A3 A4", senior="B1 B2 B3 B4 B5")
    await produced(office, 20)
    await office.consume()
    assert await loads(office, "frontline") == {"A1": 5, "A2": 5, "A3": 5, "A4": 5}
    await office.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
    await office.timers.step()
    assert await loads(office, "frontline") == {}
    assert await loads(office, "senior") == {"B1": 4, "B2": 4, "B3": 4, "B4": 4, "B5": 4}


async def test_who_speaks_the_customers_language_comes_first(office: Escalation) -> None:
    await office.put("A1", languages=["zh"])
    await office.put("A2", languages=["en-GB"])
    english = [await opened(office, number, locale="en") for number in range(2)]
    chinese = await opened(office, 9, locale="zh-CN")
    assert [await holder_of(office, case_id) for case_id in english] == ["A2", "A2"]
    assert await holder_of(office, chinese) == "A1"


async def test_what_an_absent_agent_holds_goes_to_a_colleague(office: Escalation) -> None:
    await staffed(office, frontline="A1 A2")
    cases = [await opened(office, number) for number in range(4)]
    claimed = await opened(office, 9)
    assert await loads(office, "frontline") == {"A1": 3, "A2": 2}
    await office.put("A1", absent=True)
    await office.relieve()
    assert await loads(office, "frontline") == {"A2": 5}
    ladder = await office.ladder(cases[0])
    assert holdings(ladder) == [("A1", "assigned", "absent"), ("A2", "assigned", None)]
    refused = await office.order(claimed, "hand_over", by="A2", to_agent="A1", brief="x")
    assert refused.json()["reason"] == "absent"


async def test_what_an_agent_held_who_left_is_taken_back(office: Escalation) -> None:
    await staffed(office, frontline="A1 A2")
    supervised = {"name": "Agent A1", "supervisor": "A2"}
    await office.put("A1", **supervised)
    cases = [await opened(office, number) for number in range(4)]
    gone = await office.client.delete("/v1/roster/agents/A1")
    assert (gone.status_code, gone.json()) == (
        200,
        {
            "staff_number": "A1",
            "held": 2,
            "groups": ["frontline"],
            "supervisor": {"staff_number": "A2", "name": "Agent A2"},
        },
    )
    assert (await office.client.delete("/v1/roster/agents/A1")).status_code == 404
    await office.relieve()
    assert await loads(office, "frontline") == {"A2": 4}
    ladders = [await office.ladder(case_id) for case_id in cases]
    assert Counter(holdings(ladder)[0] for ladder in ladders) == {
        ("A1", "assigned", "absent"): 2,
        ("A2", "assigned", None): 2,
    }
    refused = await office.order(cases[0], "hand_over", by="A2", to_agent="A1", brief="x")
    assert refused.json()["reason"] == "unknown_agent"
    await office.put("A1", **supervised)
    await office.order(cases[1], "release", by="A2")
    await office.relieve()
    assert await holder_of(office, cases[1]) == "A1", "who comes back is at work again"


async def test_a_claim_of_an_agent_who_left_is_refused(office: Escalation) -> None:
    """Even of the example's agents, who bind nobody."""
    case_id = await opened(office)
    assert (await office.client.delete("/v1/roster/agents/A1024")).status_code == 200
    assert (await office.order(case_id, "claim")).json()["reason"] == "unknown_agent"
    assert (await office.order(case_id, "claim", by="X9")).status_code == 200


async def test_a_silent_holder_loses_the_case_and_who_speaks_keeps_it(office: Escalation) -> None:
    await staffed(office, frontline="A1 A2")
    case_id = await opened(office)
    await office.go_to("11-20T10:05:00")
    await office.tell(case_id, "customer.replied_to", channel="phone", text="we look")
    await office.go_to("11-20T10:34:59")
    assert await holder_of(office, case_id) == "A1"
    await office.go_to("11-20T10:35:00")
    assert await holder_of(office, case_id) == "A2"
    ladder = await office.ladder(case_id)
    assert holdings(ladder) == [("A1", "assigned", "silent"), ("A2", "assigned", None)]
    # With everybody silent in turn it comes round again: better than nobody.
    await office.go_to("11-20T11:05:00")
    assert await holder_of(office, case_id) == "A1"


async def test_a_rung_for_fresh_eyes_is_for_others(office: Escalation) -> None:
    await staffed(office, frontline="A1")
    await office.put("A1", groups=["frontline", "senior"])
    await office.put("B1", groups=["senior"])
    case_id = await opened(office)
    await office.go_to("11-20T10:13:00")
    ladder = await office.ladder(case_id)
    assert (ladder["rung"], ladder["holder"]["staff_number"]) == ("senior", "B1")
    refused = await office.order(case_id, "hand_over", by="B1", to_agent="A1", brief="x")
    assert refused.json()["reason"] == "held_it_before"


async def test_a_severe_case_enters_higher_or_is_taken_there(office: Escalation) -> None:
    await staffed(office, frontline="A1", senior="B1")
    severe = await office.ladder(await opened(office, severity="critical"))
    assert (severe["rung"], severe["holder"]["staff_number"]) == ("senior", "B1")
    assert severe["history"][0]["reason"] == "severity_raised"
    case_id = await opened(office, 2)
    classified = {"category": "refund", "severity": "critical", "lane": "ordinary", "reason": "x"}
    await office.tell(case_id, "case.classified", **classified)
    found = await office.ladder(case_id)
    assert (found["rung"], found["holder"]["staff_number"]) == ("senior", "B1")
    assert holdings(found) == [("A1", "assigned", "rung_left"), ("B1", "assigned", None)]


async def test_the_one_complained_about_never_has_the_case(office: Escalation) -> None:
    await staffed(office, frontline="A1 A2 A3")
    case_id = await opened(office, complained_about=("A1",))
    assert await holder_of(office, case_id) == "A2"
    told = {"names": ("complained_about",), "complained_about": ("A2",)}
    await office.tell(case_id, "facts.added", **told)
    assert await holder_of(office, case_id) == "A3"
    for number in ("A1", "A2"):
        refused = await office.order(case_id, "hand_over", by="A3", to_agent=number, brief="x")
        assert refused.json()["reason"] == "complained_about"


async def test_a_rung_that_waits_gives_the_case_to_who_comes_first(office: Escalation) -> None:
    await office.put("A1", working_hours=SHANGHAI_OFFICE)
    await office.go_to("11-20T12:10:00")  # at lunch
    lunch = NINE_FIFTY_EIGHT.replace(hour=12, minute=10)
    case_id = await opened(office, started_at=lunch, occurred_at=lunch)
    await office.tell(case_id, "customer.replied_to", channel="phone", text="we look")
    ladder = await office.ladder(case_id)
    assert (ladder["holder"], ladder["rung"]) == (None, "frontline")
    assert ladder["assign_at"] == "2026-11-20T13:00:00+08:00"
    await office.go_to("11-20T13:00:00")
    assert await holder_of(office, case_id) == "A1"


async def test_who_comes_back_is_given_what_waits(office: Escalation, tmp_path: Path) -> None:
    """As many as the rule allows; of what cannot be given nothing is said."""
    await office.put("B1", groups=["senior"], absent=True)
    await office.put("B2", groups=["senior"])
    cases = [await opened(office, number, severity="critical") for number in range(25)]
    await office.put("B2", groups=["senior"], absent=True)
    await office.relieve()
    assert await loads(office, "senior") == {}
    assert (await office.ladder(cases[0]))["assign_at"] is None
    said = await office.event_names()
    await office.put("B1", groups=["senior"])
    await office.relieve()
    assert await loads(office, "senior") == {"B1": 20}
    assert len(await office.event_names()) == len(said) + 20
    assert await waiting(office, cases) == ["2026-11-20T10:03:00+08:00"] * 5, "soon once more"
    hours = {"time_zone": "Asia/Shanghai", "weekly": {"fri": [["10:00", "18:00"]]}}
    await office.put("B3", groups=["senior"], working_hours=hours)
    await office.relieve()
    assert await waiting(office, cases) == ["2026-11-20T10:00:00+08:00"] * 5
    await office.go_to("11-20T10:00:00")
    assert await loads(office, "senior") == {"B1": 20, "B3": 5}
    (late, *_) = [case_id for case_id in cases if await holder_of(office, case_id) == "B3"]
    export = await explained_alike(office, late, tmp_path / "case.json")
    looked = [entry["name"] for entry in export["entries"]][-5:]
    assert looked == ["seek", "assign", "seek", "assign", "assign"]


async def nobody_there(office: Escalation) -> UUID:
    """A case that climbs while everybody of senior is away."""
    await staffed(office, frontline="A1", senior="B1 B2", written_care="C1")
    case_id = await opened(office)
    for number in ("B1", "B2"):
        await office.put(number, groups=["senior"], absent=True)
    await office.go_to("11-20T10:13:00")
    return case_id


async def test_where_nobody_is_the_next_rung_is_taken_and_that_is_said(office: Escalation) -> None:
    case_id = await nobody_there(office)
    ladder = await office.ladder(case_id)
    assert (ladder["rung"], ladder["owner_group"]) == ("email", "written_care")
    entered = ladder["history"][-1]
    assert (entered["reason"], entered["passed"]) == ("nobody_available", ["senior"])
    assert entered["clock"] == "first_response"
    rows = await office.entities.db.fetch(
        "SELECT value FROM log WHERE type = 'recourse.nobody.available.v1'"
    )
    (said,) = [parse_value(row["value"]) for row in rows]
    assert (said["group"], said["passed_rung"], said["rung"]) == ("senior", "senior", "frontline")
    published = await office.entities.db.fetch("SELECT pos FROM unpublished")
    logged = await office.entities.db.fetch("SELECT pos FROM log")
    assert {row["pos"] for row in published} == {row["pos"] for row in logged}
    # Back at work, the group is passed over no more.
    await office.put("B2", groups=["senior"])
    other = await opened(office, 2)
    await office.go_to("11-20T10:40:00")
    assert (await office.ladder(other))["rung"] == "senior"


async def test_what_the_roster_led_to_is_explained_offline_byte_for_byte(
    office: Escalation, tmp_path: Path
) -> None:
    case_id = await nobody_there(office)
    await office.put("A1", absent=True)
    await office.put("C2", groups=["written_care"])
    claimed = await office.order(case_id, "claim", by="C2")
    assert claimed.status_code == 200, claimed.text
    await office.client.delete("/v1/roster/agents/C2")
    await office.relieve()
    export = await explained_alike(office, case_id, tmp_path / "case.json")
    assert [(entry["kind"], entry["name"]) for entry in export["entries"]] == [
        ("event", "recourse.case.opened.v1"),
        ("order", "assign"),
        ("wake", "wake"),
        ("command", "claim"),
        ("order", "relieve"),
    ]
    assert export["entries"][2]["absent_groups"] == ["senior"]


async def explained_alike(office: Escalation, case_id: UUID, file: Path) -> dict[str, Any]:
    """The export of a case, from which the same is explained offline as online."""
    online = printed(await office.get(f"/v1/ladders/{case_id}/explain"))
    export = await office.get(f"/v1/ladders/{case_id}/export")
    file.write_bytes(printed(export))
    offline = explain_offline(case_id, file)
    assert (offline.returncode, offline.stderr) == (0, b"")
    assert offline.stdout == online
    return export


async def test_two_replicas_give_each_case_to_one(dsns: dict[str, str], office: Escalation) -> None:
    await staffed(office, frontline="A1 A2 A3", senior="B1 B2 B3")
    async with running(dsns, packs_dir=PEOPLE) as other:
        cases = await produced(office, 40)
        records = await office.records()
        await asyncio.gather(
            *(
                each.consumer.handle(part)
                for each in (office, other)
                for part in (records[:20], records[20:])
            )
        )
        rows = await office.entities.db.fetch(_GIVEN)
        assert {row["entity"]: row["times"] for row in rows} == dict.fromkeys(cases, 1)
        assert (await loads(office, "frontline")).total() == 40
        await office.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
        await asyncio.gather(*(each.timers.step() for each in [office, other] * 4))
        ladders = [await office.ladder(case_id) for case_id in cases]
        assert {ladder["rung"] for ladder in ladders} == {"senior"}
        for ladder in ladders:
            (first, second) = holdings(ladder)
            assert first[1:] == ("assigned", "rung_left")
            assert second[1:] == ("assigned", None)
        assert (await loads(office, "senior")).total() == 40
        for number in ("B1", "B2"):
            await office.put(number, groups=["senior"], absent=True)
        await other.staff.refresh(other.entities.db)
        await asyncio.gather(office.relieve(), other.relieve())
        assert await loads(office, "senior") == {"B3": 20}, "as many as the rule allows"
