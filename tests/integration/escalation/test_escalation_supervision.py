"""What supervisors see, on a real database: load, people, next breaches, lists and queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.escalation.store import QUERIES
from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.people import away

GROUPS = "/v1/roster/groups"
SEEDED = 20_000
_SEED = """INSERT INTO queue (case_id, owner_group, holder, next_due, overdue_since, category,
    severity, rung, visit, episode, state)
SELECT gen_random_uuid(), 'g' || i % 4, CASE WHEN i % 3 > 0 THEN 'A' || i % 400 END,
    CASE WHEN i % 7 > 0 THEN now() + i * interval '1 minute' END,
    CASE WHEN i % 11 = 0 THEN now() - i * interval '1 minute' END,
    'refund', 'normal', 'senior', 1, 1, CASE WHEN i % 7 > 0 THEN 'running' ELSE 'paused' END
FROM generate_series(1, $1) AS i"""


async def listed(escalation: Escalation, **asked: Any) -> list[str]:
    """The staff numbers of every page of a list of agents."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await escalation.get("/v1/roster/agents", limit=2, **asked, **cursor)
        found += [agent["staff_number"] for agent in page["items"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def queued(escalation: Escalation, **asked: Any) -> list[str]:
    page = await escalation.get("/v1/queues/frontline", **asked)
    return [item["case_id"] for item in page["items"]]


async def test_agents_are_listed_by_what_is_asked(escalation: Escalation) -> None:
    await escalation.put("A1", languages=["zh-CN"], groups=["frontline", "senior"])
    await escalation.put("A2", languages=["zh", "en"], absences=[away("20T09:00", "20T12:00")])
    await escalation.put("A3", languages=["en-GB"], absent=True)
    await escalation.put("A4", groups=["senior"])
    await escalation.put("A5")
    assert await listed(escalation) == ["A1", "A2", "A3", "A4", "A5"]
    assert await listed(escalation, group="senior") == ["A1", "A4"]
    assert await listed(escalation, absent=True) == ["A2", "A3"]
    assert await listed(escalation, absent=False, group="frontline") == ["A1", "A5"]
    assert await listed(escalation, language="zh") == ["A1", "A2"]
    assert await listed(escalation, language="en-GB", absent=True) == ["A2", "A3"]
    assert await listed(escalation, group="nobodys") == []
    await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(hours=3))
    assert await listed(escalation, absent=True) == ["A3"], "as of now, in the case's time"
    bad = await escalation.client.get("/v1/roster/agents", params={"cursor": "!"})
    assert bad.status_code == 422


async def test_groups_are_listed_in_pages(escalation: Escalation) -> None:
    first = await escalation.get(GROUPS, limit=4)
    names = [group["name"] for group in first["items"]]
    assert names == ["frontline", "regulatory_affairs", "senior", "social_care"]
    assert first["items"][2] == await escalation.get(f"{GROUPS}/senior")
    rest = await escalation.get(GROUPS, limit=4, cursor=first["next"])
    assert [group["name"] for group in rest["items"]] == ["technical_support", "written_care"]
    assert rest["next"] is None


async def test_a_queue_is_read_by_holder(escalation: Escalation) -> None:
    cases = [str(await escalation.opened(number)) for number in range(5)]
    for number, by in ((0, "A1024"), (2, "A1024"), (3, "A1025")):
        await escalation.order(cases[number], "claim", by=by)  # type: ignore[arg-type]  # its text
    held = {"A1024": {cases[0], cases[2]}, "A1025": {cases[3]}, "none": {cases[1], cases[4]}}
    for holder, expected in held.items():
        assert set(await queued(escalation, holder=holder)) == expected
    assert await queued(escalation, holder="A9") == []
    assert set(await queued(escalation)) == set(cases)
    page = await escalation.get("/v1/queues/frontline", holder="none", limit=1)
    following = await queued(escalation, holder="none", cursor=page["next"])
    assert {page["items"][0]["case_id"], *following} == held["none"]
    refused = await escalation.put("none")
    assert refused.status_code == 422, "nobody's staff number is nobody's"


async def test_a_supervisor_sees_load_people_and_what_is_next(escalation: Escalation) -> None:
    title = {"title": {"en": "Frontline"}, "supervisor": "S1"}
    await escalation.client.put(f"{GROUPS}/frontline", json=title)
    await escalation.put("S1", name="Sun", groups=[])
    await escalation.put("A1", name="Ada", supervisor="S1")
    await escalation.put("A2", name="Bea", absences=[away("20T09:00", "20T12:00")])
    late = {"time_zone": "Asia/Shanghai", "weekly": {"fri": [["10:30", "18:00"]]}}
    await escalation.put("A3", name="Cai", groups=["senior"], supervisor="S1", working_hours=late)
    cases = [await escalation.opened(number) for number in range(4)]
    await escalation.order(cases[0], "claim", by="A1")
    await escalation.tell(cases[1], "customer.asked", status="waiting_customer")
    climbed = await escalation.opened(9, started_at=NINE_FIFTY_EIGHT - timedelta(minutes=20))
    await escalation.timers.step()
    found = await escalation.get("/v1/roster/supervisors/S1", breaches=2)
    assert (found["staff_number"], found["name"]) == ("S1", "Sun")
    assert found["now"] == "2026-11-20T01:58:00+00:00"
    frontline, senior = found["groups"]
    assert frontline.pop("next_breaches") == [
        {
            "case_id": str(case_id),
            "next_due": "2026-11-20T02:13:00+00:00",
            "holder": "A1" if case_id == cases[0] else None,
            "rung": "frontline",
            "category": "funds_not_received",
            "severity": "normal",
        }
        for case_id in sorted(set(cases) - {cases[1]})[:2]
    ]
    assert frontline == {
        "name": "frontline",
        "title": {"en": "Frontline"},
        "supervisor": {"staff_number": "S1", "name": "Sun"},
        "open": 4,
        "unheld": 3,
        "held": 1,
        "paused": 1,
        "overdue": 0,
        "agents": [
            {"staff_number": "A1", "name": "Ada", "absent": False, "at_work": True, "held": 1},
            {"staff_number": "A2", "name": "Bea", "absent": True, "at_work": False, "held": 0},
        ],
    }
    assert (senior["open"], senior["overdue"], senior["unheld"]) == (1, 1, 1)
    assert [item["case_id"] for item in senior["next_breaches"]] == [str(climbed)]
    assert [(each["absent"], each["at_work"]) for each in senior["agents"]] == [(False, False)]
    (line,) = (await escalation.get("/v1/queues/senior"))["items"]
    assert line["overdue_since"] == "2026-11-20T01:53:00+00:00"


async def test_who_supervises_nothing_is_not_found(escalation: Escalation) -> None:
    for staff_number in ("A1024", "S9"):
        answer = await escalation.client.get(f"/v1/roster/supervisors/{staff_number}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert len((await escalation.get("/v1/roster/supervisors/S1001"))["groups"]) == 6


@pytest.mark.parametrize(
    ("name", "arguments", "indexes"),
    [
        ("queue", "'g1', NULL, '-infinity', '{zero}', 51", {"queue_held", "queue_unheld"}),
        ("queue_unheld", "'g1', NULL, '-infinity', '{zero}', 51", {"queue_unheld"}),
        ("queue_of_holder", "'g1', NULL, '-infinity', '{zero}', 51, 'A7'", {"queue_holder"}),
        ("group_loads", "'{{g1,g2}}'", {"queue_load"}),
        ("next_breaches", "'{{g1,g2}}', 10", {"queue_held", "queue_unheld"}),
        ("loads", "'{{A1,A2,A7}}'", {"queue_holder"}),
        ("held_by", "'{{A1,A2,X9}}', 200", {"queue_holder"}),
    ],
)
async def test_no_list_reads_a_whole_queue(
    escalation: Escalation, name: str, arguments: str, indexes: set[str]
) -> None:
    """By index alone, whatever the parameters: as asyncpg's prepared statements are planned."""
    database = escalation.entities.db
    await database.execute(_SEED, SEEDED)
    await database.execute("VACUUM ANALYZE queue")
    zero = "00000000-0000-0000-0000-000000000000"
    async with database.pool.acquire() as connection:
        await connection.execute(f"PREPARE asked AS {QUERIES[name]}")
        for mode in ("force_generic_plan", "force_custom_plan"):
            await connection.execute(f"SET plan_cache_mode = {mode}")
            asked = f"EXPLAIN (COSTS OFF) EXECUTE asked ({arguments.format(zero=zero)})"
            plan = "\n".join(row[0] for row in await connection.fetch(asked))
            assert "Seq Scan" not in plan, plan
            assert {each for each in indexes if each in plan} == indexes, plan
        await connection.execute("DEALLOCATE asked")
        await connection.execute("RESET plan_cache_mode")
