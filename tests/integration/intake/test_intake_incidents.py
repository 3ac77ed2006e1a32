"""Incidents on a real database: every case told once, whoever tells it and whatever dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.kit.loop import BackgroundLoop
from tests.support.cases import report_body
from tests.support.intake import TEN, Intake, teller
from tests.support.intake import intake as running
from tests.support.kit import until

BY = {"role": "supervisor", "id": "S1001", "name": "孙丽"}
WORDS = {"text": "支付恢复中", "by": BY}
_END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = 'intake' AND datname = current_database() AND pid <> pg_backend_pid()"""

_TOLD = "SELECT count(*) FROM intake.log WHERE type ~ 'incident.updated'"


async def opened(intake: Intake, number: int, **changes: Any) -> str:
    """One case of its own customer."""
    body = report_body(external_id=f"call-{number}", **changes)
    body["customer"] |= {"id": f"cust-{number}"}
    body["transaction"] |= {"id": f"tx-{number}"}
    answer = await intake.post("", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def begun(intake: Intake, **fields: Any) -> str:
    """The path of a new incident."""
    body = {"title": "支付通道故障", "by": BY, **fields}
    answer = await intake.client.post("/v1/incidents", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/incidents/{answer.json()['id']}"
    return answer.headers["location"]


async def link(intake: Intake, path: str, case_id: str) -> httpx.Response:
    return await intake.client.put(f"{path}/cases/{case_id}", json={"by": BY})


async def unlink(intake: Intake, path: str, case_id: str) -> httpx.Response:
    return await intake.client.request("DELETE", f"{path}/cases/{case_id}", json={"by": BY})


async def say(intake: Intake, path: str, what: str = "updates", **fields: Any) -> httpx.Response:
    return await intake.client.post(f"{path}/{what}", json={**WORDS, **fields})


async def read(intake: Intake, path: str) -> dict[str, Any]:
    answer = await intake.client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def heard(intake: Intake, case_id: str) -> list[str]:
    """The events of a case, by name, after its opening."""
    return [
        row["type"].removeprefix("recourse.").removesuffix(".v1")
        for row in await intake.log()
        if row["entity"] == UUID(case_id)
    ][1:]


async def test_one_update_is_told_to_every_linked_case_and_to_no_other(intake: Intake) -> None:
    one, two, other = [await opened(intake, number) for number in range(3)]
    path = await begun(intake)
    for case_id in (one, two):
        answer = await link(intake, path, case_id)
        body = answer.json()
        assert (answer.status_code, body["position"]) == (200, "cases:2")
        assert body["incident"] == path.rpartition("/")[2]
    said = await say(intake, path)
    assert (said.status_code, said.json()) == (201, {"update": 1, "cases": 2})
    assert (await read(intake, path))["untold"] == 2
    assert (await intake.teller.busy(TEN))[0] == ["incidents to tell: 1"]
    await intake.tell_all()
    assert await heard(intake, one) == await heard(intake, two)
    assert await heard(intake, one) == ["incident.linked", "incident.updated"]
    assert await heard(intake, other) == []
    assert (await intake.teller.busy(TEN)) == ([], {"told": 2})
    incident = await read(intake, path)
    assert (incident["cases"], incident["untold"], incident["status"]) == (2, 0, "open")
    assert [(each["update"], each["text"]) for each in incident["updates"]] == [(1, "支付恢复中")]
    assert incident["title"] == "支付通道故障"
    case = await intake.get(f"/{one}")
    assert case["timeline"][-1]["detail"]["text"] == "支付恢复中"


async def test_linking_again_and_unlinking_again_change_nothing(intake: Intake) -> None:
    case_id = await opened(intake, 1)
    path = await begun(intake)
    for _ in range(2):
        assert (await link(intake, path, case_id)).json()["position"] == "cases:2"
    for _ in range(2):
        answer = await unlink(intake, path, case_id)
        assert (answer.status_code, answer.json()["position"]) == (200, "cases:3")
        assert answer.json()["incident"] is None
    assert await heard(intake, case_id) == ["incident.linked", "incident.unlinked"]


async def test_bodies_may_be_left_out(intake: Intake) -> None:
    case_id = await opened(intake, 1)
    path = await begun(intake)
    assert (await intake.client.put(f"{path}/cases/{case_id}")).status_code == 200
    assert (await intake.client.delete(f"{path}/cases/{case_id}")).status_code == 200


async def test_what_is_refused_says_why(intake: Intake) -> None:
    case_id, ended = await opened(intake, 1), await opened(intake, 2)
    await intake.order(ended, "resolve", outcome="credited")
    path, other = await begun(intake), await begun(intake)
    await link(intake, path, case_id)
    answer = await link(intake, other, case_id)
    assert (answer.status_code, answer.json()["reason"]) == (409, "linked_elsewhere")
    assert answer.json()["incident"] == path.rpartition("/")[2]
    answer = await link(intake, path, ended)
    assert (answer.status_code, answer.json()["reason"]) == (409, "not_in_this_status")
    assert answer.json()["statuses"] == ["open", "waiting_customer", "waiting_third_party"]
    nobody = UUID(int=9)
    assert (await link(intake, path, str(nobody))).status_code == 404
    assert (await link(intake, f"/v1/incidents/{nobody}", case_id)).status_code == 404
    assert (await unlink(intake, path, str(nobody))).status_code == 404
    assert (await say(intake, f"/v1/incidents/{nobody}")).status_code == 404
    assert (await intake.client.get(f"/v1/incidents/{nobody}")).status_code == 404
    assert (await intake.client.get(f"/v1/incidents/{nobody}/cases")).status_code == 404
    by_customer = await say(intake, path, by={"role": "customer", "id": "cust-1"})
    assert by_customer.status_code == 422
    assert by_customer.json()["errors"][0]["pointer"] == "/by"


async def test_a_newcomer_is_told_the_newest_update_once(intake: Intake) -> None:
    case_id = await opened(intake, 1)
    path = await begun(intake, text="第一条")
    await say(intake, path, text="第二条")
    await intake.tell_all()
    await link(intake, path, case_id)
    await intake.tell_all()
    assert await heard(intake, case_id) == ["incident.linked", "incident.updated"]
    timeline = (await intake.get(f"/{case_id}"))["timeline"]
    assert (timeline[-1]["detail"]["number"], timeline[-1]["detail"]["text"]) == (2, "第二条")
    await unlink(intake, path, case_id)
    await link(intake, path, case_id)
    assert (await heard(intake, case_id))[2:] == ["incident.unlinked", "incident.linked"]
    await say(intake, path, text="第三条")
    await intake.tell_all()
    assert (await heard(intake, case_id))[-1] == "incident.updated"


async def test_several_updates_come_in_their_order(intake: Intake) -> None:
    case_id = await opened(intake, 1)
    path = await begun(intake)
    await link(intake, path, case_id)
    for text in ("一", "二", "三"):
        await say(intake, path, text=text)
    await intake.tell_all()
    timeline = (await intake.get(f"/{case_id}"))["timeline"]
    assert [line["detail"]["text"] for line in timeline[2:]] == ["一", "二", "三"]


async def test_a_case_that_ends_is_told_nothing_more(intake: Intake) -> None:
    ended, unlinked, staying = [await opened(intake, number) for number in range(3)]
    path = await begun(intake)
    for case_id in (ended, unlinked, staying):
        await link(intake, path, case_id)
    await say(intake, path)
    # It ends, or leaves, before the teller comes by.
    await intake.order(ended, "resolve", outcome="credited")
    await unlink(intake, path, unlinked)
    await intake.tell_all()
    assert await heard(intake, ended) == ["incident.linked", "case.resolved"]
    assert await heard(intake, unlinked) == ["incident.linked", "incident.unlinked"]
    assert await heard(intake, staying) == ["incident.linked", "incident.updated"]
    assert (await read(intake, path))["cases"] == 1
    reopened = await intake.order(ended, "reopen", reason="again")
    assert reopened.json()["incident"] is None
    assert (await link(intake, path, ended)).status_code == 200


async def test_split_and_merged_cases_join_nothing(intake: Intake) -> None:
    case_id, target = await opened(intake, 1), await opened(intake, 2)
    path = await begun(intake)
    await link(intake, path, case_id)
    contact = await intake.post(f"/{case_id}/contacts", {"channel": "chat", "summary": "x"})
    split = await intake.order(case_id, "split", contacts=[contact.json()["contact_id"]])
    assert split.json()["incident"] == path.rpartition("/")[2]
    await intake.order(case_id, "merge", into=target)
    await say(intake, path)
    await intake.tell_all()
    for other in (split.json()["new_case"], target):
        assert "incident.updated" not in await heard(intake, other)
    assert (await read(intake, path))["cases"] == 0


async def test_closing_tells_a_last_update_and_lets_every_case_go(intake: Intake) -> None:
    cases = [await opened(intake, number) for number in range(3)]
    path = await begun(intake)
    for case_id in cases:
        await link(intake, path, case_id)
    answer = await say(intake, path, "close", text="已恢复")
    assert answer.json() == {"status": "closed", "update": 1, "cases": 3}
    assert (await link(intake, path, cases[0])).json()["reason"] == "incident_closed"
    await intake.tell_all()
    for case_id in cases:
        assert await heard(intake, case_id) == [
            "incident.linked",
            "incident.updated",
            "incident.unlinked",
        ]
        assert (await intake.get(f"/{case_id}"))["incident"] is None
    incident = await read(intake, path)
    assert (incident["status"], incident["cases"], incident["untold"]) == ("closed", 0, 0)
    for what in ("updates", "close"):
        refused = await say(intake, path, what)
        assert (refused.status_code, refused.json()["reason"]) == (409, "incident_closed")
    other = await begun(intake)
    assert (await link(intake, other, cases[0])).status_code == 200


async def test_an_erased_customer_holds_nobody_up(intake: Intake) -> None:
    erased, staying = await opened(intake, 1), await opened(intake, 2)
    path = await begun(intake)
    for case_id in (erased, staying):
        await link(intake, path, case_id)
    sealer = intake.entities.sealer
    assert await sealer.erase(sealer.subject_of("customer", "cust-1"))
    await say(intake, path)
    await intake.tell_all()
    assert await heard(intake, erased) == ["incident.linked"]
    assert await heard(intake, staying) == ["incident.linked", "incident.updated"]
    assert (await read(intake, path))["cases"] == 1


async def test_the_same_key_tells_once(intake: Intake) -> None:
    path = await begun(intake)
    headers = {"Idempotency-Key": "u1"}
    answers = [
        await intake.client.post(f"{path}/updates", json=WORDS, headers=headers) for _ in range(2)
    ]
    assert [answer.json() for answer in answers] == [{"update": 1, "cases": 0}] * 2
    assert (await read(intake, path))["update"] == 1


async def test_each_update_wakes_the_tellers(intake: Intake, dsns: Mapping[str, str]) -> None:
    listening = await asyncpg.connect(dsns["intake"])
    woken: list[str] = []
    try:
        await listening.add_listener("intake_incidents", lambda *_: woken.append("woken"))
        path = await begun(intake)
        await begun(intake, text="第一条")
        await say(intake, path)
        await say(intake, path, "close")

        async def three_times() -> bool:
            await listening.fetchval("SELECT 1")
            return len(woken) >= 3

        await until(three_times)
        assert len(woken) == 3
    finally:
        await listening.close()


async def test_lists_go_on_page_by_page(intake: Intake) -> None:
    cases = [await opened(intake, number) for number in range(5)]
    paths = [await begun(intake) for _ in range(3)]
    for case_id in cases:
        await link(intake, paths[0], case_id)
    await say(intake, paths[1], "close")
    found = await _pages(intake, f"{paths[0]}/cases")
    assert sorted(each["id"] for each in found) == sorted(cases)
    assert {(each["status"], each["told"]) for each in found} == {("open", 0)}
    listed = await _pages(intake, "/v1/incidents")
    assert {f"/v1/incidents/{each['id']}" for each in listed} == set(paths)
    assert {each["cases"] for each in listed} == {5, 0}
    closed = (await intake.client.get("/v1/incidents", params={"status": "closed"})).json()
    assert [f"/v1/incidents/{each['id']}" for each in closed["items"]] == [paths[1]]
    answer = await intake.client.get("/v1/incidents", params={"cursor": "x"})
    assert answer.status_code == 422


async def _pages(intake: Intake, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = (await intake.client.get(path, params=parameters)).json()
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            return found


@pytest.mark.timeout(120)
async def test_two_tellers_and_sessions_that_die_tell_each_case_once(
    intake: Intake, dsns: Mapping[str, str]
) -> None:
    cases = [await opened(intake, number) for number in range(60)]
    path = await begun(intake)
    for case_id in cases:
        await link(intake, path, case_id)
    async with running(dsns) as second:
        tellers = [teller(replica.entities, batch=4) for replica in (intake, second)]
        loops = [BackgroundLoop(f"teller {n}", each.step) for n, each in enumerate(tellers)]
        admin = await asyncpg.connect(dsns["admin"])
        try:
            for loop in loops:
                loop.start()
            for number in (1, 2):
                await _said_for_sure(intake, path, number)
                for loop in loops:
                    loop.wake.set()
                for part in (1, 2):
                    await _end_sessions(admin, len(cases) * (number - 1) + 15 * part)
            await until(lambda: _all_told(admin))
        finally:
            for loop in loops:
                await loop.stop()
            await admin.close()
    counted = Counter(row["entity"] for row in await _told(intake))
    assert counted == {UUID(case_id): 2 for case_id in cases}
    ids = [row["id"] for row in await _told(intake)]
    assert len(set(ids)) == len(ids)
    assert (await read(intake, path))["untold"] == 0


async def _said_for_sure(intake: Intake, path: str, number: int) -> None:
    """As a client does whose answer was lost: the same again, under the same key."""

    async def said() -> bool:
        headers = {"Idempotency-Key": f"update-{number}"}
        answer = await intake.client.post(f"{path}/updates", json=WORDS, headers=headers)
        return answer.status_code == 201

    await until(said)


async def _end_sessions(admin: asyncpg.Connection, enough: int) -> None:
    """Kill every session of intake once so many words were told."""

    async def so_many() -> bool:
        return bool(await admin.fetchval(_TOLD) >= enough)

    await until(so_many)
    await admin.execute(_END_SESSIONS)


async def _told(intake: Intake) -> list[asyncpg.Record]:
    return [row for row in await intake.log() if "incident.updated" in row["type"]]


async def _all_told(admin: asyncpg.Connection) -> bool:
    return bool(await admin.fetchval("SELECT NOT bool_or(telling) FROM intake.incident"))


async def test_links_and_updates_at_once_leave_nobody_out(intake: Intake) -> None:
    """Whether a case is linked just before an update or just after: it is told it, once."""
    cases = [await opened(intake, number) for number in range(12)]
    path = await begun(intake)
    first, then = cases[:6], cases[6:]
    for case_id in first:
        await link(intake, path, case_id)
    linking = [link(intake, path, case_id) for case_id in then]
    telling = [intake.tell_all() for _ in range(2)]
    answer, _ = await asyncio.gather(say(intake, path), asyncio.gather(*linking, *telling))
    assert answer.status_code == 201
    await intake.tell_all()
    for case_id in cases:
        assert (await heard(intake, case_id)).count("incident.updated") == 1
