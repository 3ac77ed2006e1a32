"""An erased customer: two persons, nothing left in any service, nothing poisoned afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.kit.clinic import Clinic
from services.kit.faults import Erased
from services.kit.timers import Timers
from tests.support.cases import report_body
from tests.support.erasure import (
    FIRST,
    SECOND,
    ask,
    check_chains,
    confirm,
    erase,
    heard,
    reader_of,
    report_record,
    watch_of,
)
from tests.support.town import Town, town

WHO = "cust-gone-1"
AGENT = {"role": "agent", "id": "A1024", "name": "李四"}


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[Town]:
    """The three services, identity off."""
    async with town(dsns, identity=False) as made:
        yield made


def report(number: int, who: str = WHO, **changes: Any) -> dict[str, Any]:
    customer = {
        **report_body()["customer"],
        "id": who,
        "email": f"{who}@example.org",
        "phone": "+8613911112222",
    }
    transaction = {**report_body()["transaction"], "id": f"tx-{who}-{number}"}
    ours = report_body(customer=customer, transaction=transaction, external_id=f"{who}/{number}")
    return {**ours, **changes}


async def opened(here: Town, number: int = 1, who: str = WHO) -> str:
    headers = {"Idempotency-Key": f"{who}-{number}"}
    answer = await here.clients["intake"].post(
        "/v1/cases", json=report(number, who), headers=headers
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def order(here: Town, case_id: str, command: str, **said: Any) -> int:
    body = {"command": command, "by": AGENT, **said}
    answer = await here.clients["intake"].post(f"/v1/cases/{case_id}/commands", json=body)
    return answer.status_code


async def over(here: Town, number: int = 1, who: str = WHO) -> str:
    """A case that was closed, all services having heard of it."""
    case_id = await opened(here, number, who)
    assert await order(here, case_id, "close", reason="done") == 200
    await here.settle()
    await here.settle()
    return case_id


async def rows(here: Town, service: str, statement: str, *arguments: Any) -> list[Any]:
    return await here.houses[service].entities.db.fetch(statement, *arguments)


async def status(here: Town, service: str, path: str) -> int:
    return (await here.clients[service].get(path)).status_code


async def test_it_takes_two_persons(here: Town, dsns: dict[str, str]) -> None:
    case_id = await over(here)
    asked = await ask(here, customer=WHO)
    assert asked.status_code == 201, asked.text
    entry = asked.json()
    assert (entry["status"], entry["asked_by"], entry["cases"]) == ("asked", "ops-1", [case_id])
    assert WHO not in asked.text
    again = await ask(here, SECOND, case_id=case_id)
    assert (again.status_code, again.json()["reason"]) == (409, "already_asked")
    assert again.json()["erasure"] == entry["id"]
    alone = await confirm(here, entry["id"], FIRST)
    assert (alone.status_code, alone.json()["reason"]) == (409, "same_person")
    keys = await asyncpg.connect(dsns["keys"])
    try:
        with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
            await keys.execute(
                "UPDATE erasure SET confirmed_by = 'ops-1', confirmed_at = clock_timestamp()"
            )
    finally:
        await keys.close()
    assert await status(here, "intake", f"/v1/cases/{case_id}") == 200
    assert (await confirm(here, entry["id"])).json()["status"] == "confirmed"
    twice = await confirm(here, entry["id"])
    assert (twice.status_code, twice.json()["reason"]) == (409, "already_confirmed")
    await heard(here)
    listed = (await here.clients["intake"].get("/v1/erasures")).json()["items"]
    assert [(one["status"], one["confirmed_by"]) for one in listed] == [("done", "ops-2")]
    assert listed[0]["services"].keys() == {"intake", "escalation", "notifier"}
    third = await ask(here, subject=entry["subject"])
    assert (third.status_code, third.json()["reason"]) == (409, "erased")


async def test_a_request_expires(here: Town, dsns: dict[str, str]) -> None:
    await over(here)
    entry = (await ask(here, customer=WHO)).json()
    keys = await asyncpg.connect(dsns["keys"])
    await keys.execute("UPDATE erasure SET expires_at = asked_at")
    await keys.close()
    late = await confirm(here, entry["id"])
    assert (late.status_code, late.json()["reason"]) == (409, "expired")
    assert (await here.clients["intake"].get(f"/v1/erasures/{entry['id']}")).json()[
        "status"
    ] == "expired"
    assert (await ask(here, customer=WHO)).status_code == 201


async def test_whom_nobody_knows_is_not_erased(here: Town) -> None:
    assert (await ask(here, customer="nobody-1")).status_code == 404
    assert (await ask(here, case_id=str(UUID(int=4)))).status_code == 404
    assert (await ask(here, customer=WHO, case_id=str(UUID(int=4)))).status_code == 422
    assert (await ask(here)).status_code == 422
    assert (await confirm(here, str(UUID(int=4)))).status_code == 404


async def test_an_open_case_is_in_the_way_unless_it_is_forced(here: Town) -> None:
    case_id = await opened(here)
    await here.settle()
    await here.settle()
    refused = await ask(here, customer=WHO)
    assert (refused.status_code, refused.json()["reason"]) == (409, "open_cases")
    assert refused.json()["open_cases"] == [case_id]
    assert len(await rows(here, "escalation", "SELECT * FROM queue")) == 1
    entry = await erase(here, customer=WHO, force_open_cases=True)
    assert entry["status"] == "done"
    assert {name: step["cases"] for name, step in entry["services"].items()} == {
        "intake": 1,
        "escalation": 1,
        "notifier": 1,
    }
    # The case is closed and its ladder stopped, and both say so in their streams.
    assert [
        row["status"] for row in await rows(here, "intake", "SELECT status FROM case_line")
    ] == ["closed"]
    for service, event in (("intake", "case.closed"), ("escalation", "ladder.stopped")):
        last = (await rows(here, service, "SELECT type FROM log ORDER BY pos DESC LIMIT 1"))[0]
        assert last["type"] == f"recourse.{event}.v1"
    # Whoever plays histories again sees it end there.
    history = await here.clients["escalation"].get("/v1/ladders/export")
    (played,) = history.json()["items"]
    assert played["entries"][-1]["name"] == "recourse.case.closed.v1"
    # No clock of it runs: nothing is due, and nobody has it in a queue.
    assert await rows(here, "escalation", "SELECT * FROM queue") == []
    for service in ("escalation", "notifier"):
        due = await rows(here, service, "SELECT * FROM entity WHERE wake_at IS NOT NULL")
        assert due == []
        house = here.houses[service]
        assert house.parts.logic is not None
        timers = Timers(house.entities, house.parts.logic, stale_after_s=5)
        await timers.step()
        assert timers.fired == 0
    await here.settle()
    assert await status(here, "escalation", f"/v1/ladders/{case_id}") == 410
    assert await order(here, case_id, "reopen", reason="again") == 410
    assert await check_chains(here) > 5
    for service in here.houses:
        assert await rows(here, service, "SELECT * FROM dead_letter") == []
        assert await rows(here, service, "SELECT * FROM parked") == []


async def test_no_service_answers_or_keeps_anything(here: Town) -> None:
    case_id = await over(here)
    other = await over(here, 1, "cust-gone-10")
    put = await here.clients["notifier"].put(f"/v1/recipients/{WHO}", json={"locale": "en"})
    assert put.status_code == 200, put.text
    before = await rows(here, "notifier", "SELECT * FROM delivery WHERE body <> ''")
    entry = await erase(here, subject=(await ask_subject(here)))
    assert entry["cases"] == [case_id]
    for service, path in {
        f"/v1/cases/{case_id}": "intake",
        f"/v1/ladders/{case_id}": "escalation",
        f"/v1/ladders/{case_id}/explain": "escalation",
        f"/v1/ladders/{case_id}/export": "escalation",
    }.items():
        assert await status(here, path, service) == 410, service
    assert await status(here, "notifier", f"/v1/recipients/{WHO}") == 404
    for search in (
        {"customer": WHO},
        {"email": f"{WHO}@example.org"},
        {"transaction": f"tx-{WHO}-1"},
    ):
        found = await here.clients["intake"].get("/v1/cases", params=search)
        assert found.json()["items"] == [], search
    own = UUID(entry["subject"])
    for service, statement in {
        "SELECT * FROM idempotency WHERE subject = $1": "intake",
        "SELECT * FROM entity WHERE subject = $1 AND state <> ''": "intake",
        "SELECT * FROM entity WHERE subject = $1 AND state <> '' ": "escalation",
        "SELECT * FROM entity WHERE subject = $1 AND state <> ''  ": "notifier",
        "SELECT * FROM delivery WHERE subject = $1 AND body <> ''": "notifier",
        "SELECT * FROM delivery WHERE subject = $1 AND status = 'planned'": "notifier",
        "SELECT * FROM recipient WHERE recipient = $1::uuid::text": "notifier",
    }.items():
        assert await rows(here, statement, service, own) == [], service
    # What is somebody else's is all there.
    assert await status(here, "intake", f"/v1/cases/{other}") == 200
    assert len(before) > len(
        await rows(here, "notifier", "SELECT * FROM delivery WHERE body <> ''")
    )
    assert await rows(here, "intake", "SELECT * FROM case_key") != []


async def ask_subject(here: Town) -> str:
    """The opaque id of the customer, as an operator reads it in an event or a delivery."""
    (row,) = await rows(
        here, "intake", "SELECT subject FROM entity e JOIN case_key k ON k.case_id = e.id "
        "WHERE k.key = $1", here.houses["intake"].entities.sealer.blind("customer", WHO),
    )  # fmt: skip
    return str(row["subject"])


async def test_dead_letters_about_them_lose_their_bytes(here: Town) -> None:
    await over(here)
    house = here.houses["intake"]
    stranger = {"case": {"source": "nobody", "external_id": "x-1"}, "facts": {"of": f"{WHO}/1"}}
    unread = [
        report_record(report(2, severity="nonsense"), 1),
        report_record(b'{"customer": {"id": "' + WHO.encode(), 2),
        report_record({"note": f"about tx-{WHO}-1, of cases {{"}, 3, "no.such.type"),
        report_record(report(1, "cust-gone-10", severity="nonsense"), 4),
        report_record(stranger, 5, "fact.reported"),
    ]
    await house.consumer.handle(unread)
    assert len(await rows(here, "intake", "SELECT * FROM dead_letter")) == 4
    assert len(await rows(here, "intake", "SELECT * FROM foreign_waiting")) == 1
    await erase(here, customer=WHO)
    letters = await rows(here, "intake", "SELECT raw, settled FROM dead_letter ORDER BY offset_")
    assert [(bool(row["raw"]), row["settled"]) for row in letters] == [
        *[(False, "erased")] * 3,
        (True, None),
    ]
    assert await rows(here, "intake", "SELECT * FROM foreign_waiting") == []
    clinic = Clinic(house.entities, reader_of(house), None, house.parts.foreign)
    (standing,) = await clinic.dead_letters()
    assert (await clinic.show(standing["hash"]))["original"]["value"]
    (gone, *_) = await rows(here, "intake", "SELECT hash FROM dead_letter WHERE raw = ''")
    for act in (clinic.show, clinic.requeue, clinic.skip):
        with pytest.raises(Erased):
            await act(gone["hash"].hex())


async def test_what_comes_later_is_no_poison_and_is_not_kept(here: Town) -> None:
    case_id = await opened(here)
    # The others have heard nothing yet of what they are about to hear about.
    await erase(here, case_id=case_id, force_open_cases=True)
    await here.settle()
    await here.settle()
    again = await here.clients["intake"].post("/v1/cases", json=report(1))
    assert (again.status_code, again.json()["reason"]) == (409, "erased")
    anew = await here.clients["intake"].post("/v1/cases", json=report(2))
    assert (anew.status_code, anew.json()["reason"]) == (409, "erased")
    contact = {"channel": "chat", "summary": "它还在吗"}
    told = await here.clients["intake"].post(f"/v1/cases/{case_id}/contacts", json=contact)
    assert (told.status_code, told.json()["reason"]) == (410, "erased")
    known = {"source": "call-centre", "external_id": f"{WHO}/1"}
    await here.houses["intake"].consumer.handle(
        [
            report_record(report(1), 1),
            report_record(report(3), 2),
            report_record({"case": known, "facts": {"a": "b"}}, 3, "fact.reported"),
            report_record({"case": {"case_id": case_id}, "facts": {"a": "b"}}, 4, "fact.reported"),
            report_record(report(4, severity="nonsense"), 5),
            report_record(report(5), 6, "no.such.type"),
        ]
    )
    for service in here.houses:
        for table in ("dead_letter", "parked", "foreign_waiting"):
            assert await rows(here, service, f"SELECT * FROM {table}") == [], (service, table)
        entities = await rows(here, service, "SELECT id, state, wake_at FROM entity")
        assert [tuple(row) for row in entities] == [(UUID(case_id), b"", None)], service
    assert await rows(here, "escalation", "SELECT * FROM queue") == []
    assert await rows(here, "escalation", "SELECT * FROM log") == []
    assert await rows(here, "notifier", "SELECT * FROM delivery") == []


async def test_a_replica_drops_the_key_as_soon_as_it_hears(
    here: Town, dsns: dict[str, str]
) -> None:
    case_id = await over(here)
    async with town(dsns, identity=False) as replica:
        assert await status(replica, "intake", f"/v1/cases/{case_id}") == 200
        await erase(here, case_id=case_id)
        await watch_of(replica.houses["intake"]).step()
        assert await status(replica, "intake", f"/v1/cases/{case_id}") == 410


async def test_a_restored_backup_brings_nobody_back(here: Town, dsns: dict[str, str]) -> None:
    case_id = await over(here)
    subject = UUID(await ask_subject(here))
    keys = await asyncpg.connect(dsns["keys"])
    try:
        wrapped = await keys.fetchval("SELECT wrapped FROM subject_key WHERE subject = $1", subject)
        key = here.houses["intake"].entities.sealer.blind("customer", WHO)
        await erase(here, case_id=case_id)
        # The keys as they were, and a service as it was.
        restore = "UPDATE subject_key SET wrapped = $2, erased_at = NULL WHERE subject = $1"
        await keys.execute(restore, subject, wrapped)
        await heard(here)
        state = await keys.fetchrow("SELECT * FROM subject_key WHERE subject = $1", subject)
        assert state["wrapped"] is None
        db = here.houses["intake"].entities.db
        await db.execute("DELETE FROM erased_subject")
        await db.execute("INSERT INTO case_key VALUES ($1, now(), $2)", key, UUID(case_id))
        await keys.execute("UPDATE subject_key SET erased_at = now() - interval '1 year'")
        await heard(here)
        assert await rows(here, "intake", "SELECT * FROM case_key") == []
    finally:
        await keys.close()
    assert await status(here, "intake", f"/v1/cases/{case_id}") == 410


async def test_what_backends_answered_about_them_goes_too(here: Town) -> None:
    case_id = await over(here)
    db = here.houses["escalation"].entities.db
    action = UUID(int=77)
    await db.execute(
        "INSERT INTO action (action_id, case_id) VALUES ($1, $2)", action, UUID(case_id)
    )
    answers = [
        report_record({"action_id": str(action), "note": "to her"}, 1, "action.sung"),
        report_record({"action_id": str(UUID(int=78)), "note": "to him"}, 2, "action.sung"),
    ]
    await here.houses["escalation"].consumer.handle(
        [replace(record, topic="actions-answered") for record in answers]
    )
    statement = "SELECT raw <> '' AS kept FROM dead_letter ORDER BY offset_"
    assert [row["kept"] for row in await rows(here, "escalation", statement)] == [True, True]
    await erase(here, case_id=case_id)
    assert [row["kept"] for row in await rows(here, "escalation", statement)] == [False, True]


async def test_a_late_writer_is_found_by_looking_once_more(here: Town) -> None:
    case_id = await over(here)
    subject = UUID(await ask_subject(here))
    house = here.houses["intake"]
    clock = [0.0]
    watch = watch_of(house, lambda: clock[0])
    await watch.step()
    await erase(here, case_id=case_id)
    await watch.step()
    # A replica that had not heard of it leaves what re-identifies.
    key = house.entities.sealer.blind("customer", WHO)
    statement = "INSERT INTO case_key VALUES ($1, now(), $2)"
    await house.entities.db.execute(statement, key, UUID(case_id))
    await watch.step()
    assert len(await rows(here, "intake", "SELECT * FROM case_key")) == 1
    clock[0] = 61.0
    await watch.step()
    assert await rows(here, "intake", "SELECT * FROM case_key") == []
    erased = await rows(here, "intake", "SELECT subject FROM erased_subject")
    assert [row["subject"] for row in erased] == [subject]


async def test_who_they_are_comes_from_their_credentials(dsns: dict[str, str]) -> None:
    async with town(dsns) as here:
        client = here.clients["intake"]
        backend, ops = here.as_("backend", "core"), here.as_("ops", "ops-1")
        opened = await client.post("/v1/cases", json=report(1), headers=backend)
        wanted = {"case_id": opened.json()["id"], "reason": "legal_order", "force_open_cases": True}
        for headers, expected in ((backend, 403), ({}, 401), (ops, 201)):
            asked = await client.post("/v1/erasures", json=wanted, headers=headers)
            assert asked.status_code == expected, asked.text
        assert asked.json()["asked_by"] == "ops-1"
        path = f"/v1/erasures/{asked.json()['id']}/confirm"
        pretending = await client.post(path, json={"by": SECOND}, headers=ops)
        assert pretending.json()["reason"] == "by_is_not_you"
        alone = await client.post(path, headers=ops)
        assert alone.json()["reason"] == "same_person"
        agreed = await client.post(path, headers=here.as_("ops", "ops-2"))
        assert (agreed.status_code, agreed.json()["confirmed_by"]) == (200, "ops-2")
