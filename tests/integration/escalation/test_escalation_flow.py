"""Cases climb on a real database: stream in, timers, commands, queues, and the judges."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.escalation.store import QUERIES
from tests.support.escalation import NINE_FIFTY_EIGHT, Escalation
from tests.support.escalation import escalation as running


async def test_an_opened_case_stands_on_frontline(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    ladder = await escalation.get(f"/v1/ladders/{case_id}", after="cases:1")
    assert (ladder["rung"], ladder["path"], ladder["visit"]) == ("frontline", "phone", 1)
    assert ladder["owner_group"] == "frontline"
    assert ladder["holder"] is None
    assert ladder["policy"]["digest"] == escalation.digest
    assert ladder["next"]["at"] == "2026-11-20T10:13:00+08:00"
    assert ladder["position"] == "escalations:5"
    assert ladder["history"][0]["reason"] == "opened"


async def test_silence_climbs_rung_by_rung(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.go_to("11-20T10:13:00")
    senior = await escalation.ladder(case_id)
    assert (senior["rung"], senior["owner_group"]) == ("senior", "senior")
    queue = await escalation.get("/v1/queues/senior", sort="next_due")
    assert [item["case_id"] for item in queue["items"]] == [str(case_id)]
    assert (await escalation.get("/v1/queues/frontline"))["items"] == []
    await escalation.go_to("11-24T11:13:00")
    offered = await escalation.ladder(case_id)
    assert offered["rung"] == "email"
    assert [offer["rung"] for offer in offered["offers"]] == ["social"]
    rows = await escalation.entities.db.fetch("SELECT rung, visit FROM rung ORDER BY entered_at")
    assert [tuple(row) for row in rows] == [("frontline", 1), ("senior", 1), ("email", 1)]
    assert await escalation.dead_letters() == []


async def test_two_replicas_fire_each_deadline_once(
    dsns: dict[str, str], escalation: Escalation
) -> None:
    cases = [await escalation.opened(number) for number in range(40)]
    async with running(dsns) as other:
        await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
        await asyncio.gather(*(each.timers.step() for each in [escalation, other] * 4))
        rows = await escalation.entities.db.fetch("SELECT case_id, rung FROM rung")
        assert Counter(row["rung"] for row in rows) == {"frontline": 40, "senior": 40}
        assert {row["case_id"] for row in rows} == set(cases)


async def test_a_hundred_claims_end_with_one_holder(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    answers = await asyncio.gather(
        *(escalation.order(case_id, "claim", by=f"B{number:04}") for number in range(100))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 99}
    holder = (await escalation.ladder(case_id))["holder"]["staff_number"]
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {refusal["reason"] for refusal in refusals} == {"already_held"}
    assert {refusal["holder"]["staff_number"] for refusal in refusals} == {holder}
    assert (await escalation.event_names()).count("holder.changed") == 1


async def test_the_example_roster_knows_names_and_binds_nobody(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    claimed = await escalation.order(case_id, "claim")
    assert claimed.json()["holder"] == {"staff_number": "A1024", "name": "李四"}
    assert (await escalation.order(case_id, "release")).status_code == 200
    assert (await escalation.order(case_id, "claim", by="X9")).status_code == 200


async def test_a_roster_of_the_operators_own_binds(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    body = {"name": "Ada", "groups": ["frontline"], "languages": ["en"]}
    put = await escalation.client.put("/v1/roster/agents/E1", json=body)
    assert put.status_code == 200, put.text
    assert (await escalation.get("/v1/roster/agents/E1"))["name"] == "Ada"
    assert (await escalation.client.get("/v1/roster/agents/A1024")).status_code == 404
    refused = await escalation.order(case_id, "claim", by="A1024")
    assert (refused.status_code, refused.json()["reason"]) == (409, "unknown_agent")
    claimed = await escalation.order(case_id, "claim", by="E1")
    assert claimed.json()["holder"]["name"] == "Ada"
    listed = await escalation.get("/v1/roster/agents", group="frontline")
    assert [agent["staff_number"] for agent in listed["items"]] == ["E1"]


async def test_groups_are_written_and_read(escalation: Escalation) -> None:
    body = {"title": {"en": "Night shift"}, "supervisor": "S1"}
    assert (await escalation.client.put("/v1/roster/groups/night", json=body)).status_code == 200
    found = await escalation.get("/v1/roster/groups/night")
    assert found == {"name": "night", **body}
    wrong = await escalation.client.put("/v1/roster/groups/night", json={"name": "day"})
    assert wrong.json()["errors"][0]["pointer"] == "/name"


async def test_commands_need_a_known_case_and_a_known_command(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    unknown = await escalation.order(case_id, "dance")
    assert unknown.status_code == 422
    assert unknown.headers["content-type"] == "application/problem+json"
    nowhere = await escalation.order(uuid4(), "claim")
    assert nowhere.status_code == 404


async def test_an_answer_is_replayed_under_its_key(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    path = f"/v1/ladders/{case_id}/commands"
    body = {"command": "escalate", "reason": "x", "by": {"role": "agent", "id": "A1024"}}
    headers = {"Idempotency-Key": "k1"}
    first = await escalation.client.post(path, json=body, headers=headers)
    again = await escalation.client.post(path, json=body, headers=headers)
    assert first.json() == again.json()
    assert (await escalation.ladder(case_id))["rung"] == "senior"
    changed = await escalation.client.post(path, json={**body, "reason": "y"}, headers=headers)
    assert changed.status_code == 422


async def test_queues_page_by_next_deadline(escalation: Escalation) -> None:
    for number in range(5):
        earlier = NINE_FIFTY_EIGHT - timedelta(minutes=number)
        await escalation.opened(number, started_at=earlier, occurred_at=earlier)
    paused = await escalation.opened(9)
    await escalation.tell(paused, "customer.asked", status="waiting_customer")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        wanted = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = await escalation.get("/v1/queues/frontline", **wanted)
        seen += [item["case_id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    assert seen[-1] == str(paused)
    bad = await escalation.client.get("/v1/queues/frontline", params={"cursor": "!"})
    assert bad.status_code == 422


async def test_rungs_wait_while_the_stream_is_silent(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.heard(timedelta(minutes=1))
    await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=15))
    await escalation.timers.step()
    assert (await escalation.ladder(case_id))["state"] == "held"
    await escalation.entities.db.execute("UPDATE entity SET held_until = clock_timestamp()")
    await escalation.heard(timedelta(0))
    await escalation.timers.step()
    ladder = await escalation.ladder(case_id)
    assert (ladder["state"], ladder["rung"]) == ("running", "senior")


async def test_a_late_event_takes_the_rung_back(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.set_clock(NINE_FIFTY_EIGHT + timedelta(minutes=5))
    await escalation.produce(case_id, "customer.replied_to", channel="phone", text="we look")
    await escalation.go_to("11-20T10:13:00")
    assert (await escalation.ladder(case_id))["rung"] == "senior"
    await escalation.consume()
    ladder = await escalation.ladder(case_id)
    assert (ladder["rung"], ladder["history"][-1]["retracted"]) == ("frontline", True)
    assert "rung.retracted" in await escalation.event_names()
    assert [
        item["case_id"] for item in (await escalation.get("/v1/queues/frontline"))["items"]
    ] == [str(case_id)]


async def test_a_case_under_an_unknown_policy_is_parked(escalation: Escalation) -> None:
    pin = {"name": "other", "version": "1", "digest": "sha256:unknown"}
    await escalation.opened(policy=pin)
    rows = await escalation.entities.db.fetch("SELECT reason FROM parked")
    assert [row["reason"] for row in rows] == ["policy_unknown"]
    assert await escalation.dead_letters() == []


async def test_policies_are_served_by_digest(escalation: Escalation) -> None:
    listed = await escalation.get("/v1/policies")
    assert [item["digest"] for item in listed["items"]] == [escalation.digest]
    whole = await escalation.get(f"/v1/policies/{escalation.digest}")
    assert whole["name"] == "wallet-default"
    assert (await escalation.client.get("/v1/policies/sha256:none")).status_code == 404


async def test_explain_names_rule_events_and_arithmetic(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.go_to("11-20T10:13:00")
    explained = await escalation.get(f"/v1/ladders/{case_id}/explain")
    first = next(clock for clock in explained["clocks"] if clock["name"] == "first_response")
    assert first["segments"] == [
        {
            "from": "2026-11-20T09:58:00+08:00",
            "to": "2026-11-20T10:13:00+08:00",
            "counted": "PT15M",
            "why": "open hours",
        }
    ]
    senior = next(rung for rung in explained["rungs"] if rung["rung"] == "senior")
    assert senior["reason"] == "first_response_missed"
    assert senior["rule"]["escalate_to"] == "senior"
    assert UUID(senior["because_of"])


async def test_the_database_is_the_judge(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    row = [[case_id], [1], ["frontline"], [1], [NINE_FIFTY_EIGHT], ["opened"], [0]]
    with pytest.raises(asyncpg.UniqueViolationError):
        await escalation.entities.db.execute(QUERIES["add_rungs"], *row)


async def test_stopped_ladders_leave_their_queue(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.tell(case_id, "case.resolved", status="resolved", outcome="refunded")
    assert (await escalation.get("/v1/queues/frontline"))["items"] == []
    ladder = await escalation.ladder(case_id)
    assert (ladder["state"], ladder["stopped"]) == ("stopped", "resolved")
    refused = await escalation.order(case_id, "claim")
    assert refused.json()["reason"] == "ladder_stopped"


async def test_tables_hold_no_name_and_no_text_in_clear(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    await escalation.order(case_id, "claim")
    await escalation.order(case_id, "hand_over", to_agent="A2001", brief="对方没有收到")
    await escalation.order(case_id, "escalate", reason="转账显示成功", by="A2001")
    connection = escalation.entities.db
    tables = await connection.fetch(
        "SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'escalation'"
    )
    for table in tables:
        for record in await connection.fetch(f'SELECT * FROM "{table["t"]}"'):
            for cell in record.values():
                raw = cell if isinstance(cell, bytes) else str(cell).encode()
                for secret in ("张三", "李四", "王芳", "对方没有收到", "转账显示成功", "cust-1001"):
                    assert secret.encode() not in raw, table["t"]


async def test_every_statement_is_prepared(escalation: Escalation) -> None:
    async with escalation.entities.db.pool.acquire() as connection:
        for name in QUERIES:
            assert await connection.prepare(QUERIES[name]), name
