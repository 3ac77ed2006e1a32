"""Who was shown whose private data is written down, before it is shown, for every route there is.

Private values are planted; every route of the OpenAPI documents is asked by every role that may. A
route whose answer holds one of them and that leaves no row fails, as does one that says it shows
private data and leaves none.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import APIRouter

from services.kit.audit.reading import QUERIES
from services.kit.identity.access import OPERATIONS, Access
from services.kit.openapi import operations
from tests.support import kit
from tests.support.answers import first_part
from tests.support.identity import guarded
from tests.support.matrix import PEOPLE, Ask, Objects, asks, populate, report, request_of
from tests.support.town import Town, town

PURPOSE = {"Recourse-Purpose": "ticket:4711"}


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[Town]:
    async with town(dsns) as made:
        yield made


def planted() -> list[str]:
    """What `populate` has told of people, as an answer would hold it."""
    body = report("own")
    customer, transaction = body["customer"], body["transaction"]
    texts = [body["description"], customer["id"], customer["phone"], transaction["id"], "Ada"]
    return [*texts, transaction["amount"], *([customer["email"]] if "email" in customer else [])]


async def readings(here: Town, service: str) -> list[asyncpg.Record]:
    return await here.houses[service].entities.db.fetch("SELECT * FROM audit ORDER BY pos")


async def test_no_route_shows_private_data_unseen(here: Town) -> None:
    on = await populate(here)
    noted = set[str]()
    for service, route, role in _everything(here):
        method, path = route.split(" ")
        # The second time what the first one made is known.
        for ask in [*asks(method, path, role, on)] * (2 if route in _MAKES else 1):
            if await _asked(here, service, route, role, ask, on):
                noted.add(route)
    rules = [house.parts.access.rules for house in here.houses.values()]
    says = {route for table in rules for route, rule in table.items() if rule.shows}
    assert says - noted == _ELSEWHERE, "says that it shows private data, and left no row"


_MAKES = ("POST /v1/cases", "POST /v1/imports")
# Answers where there is a second policy to migrate to.
_ELSEWHERE = {"GET /v1/ladders/{case_id}/migration"}


def _everything(here: Town) -> Iterator[tuple[str, str, str]]:
    """Service, route and role of all that is allowed; what takes things away comes last."""
    for service, house in here.houses.items():
        routes = [route for route, _ in operations(house.app.openapi())]
        for route in sorted(routes, key=lambda r: (r.startswith("DELETE"), r.endswith("/close"))):
            rule = house.parts.access.rules[route]
            for role in sorted(rule.anyones | rule.owners):
                yield service, route, role


async def _asked(here: Town, service: str, route: str, role: str, ask: Ask, on: Objects) -> bool:
    """Whether the answer was noted; it must be where it holds a planted value.

    Each case that it names must be noted, too.
    """
    secrets = planted()
    rule = here.houses[service].parts.access.rules[route]
    before = len(await readings(here, service))
    headers = {**here.as_(role, PEOPLE[role]), **PURPOSE}
    sent = request_of(here.clients[service], ask, headers)
    status, answer, text = await first_part(here.houses[service].guard, sent)
    rows = (await readings(here, service))[before:]
    shows = status < 300 and any(
        secret in text or json.dumps(secret)[1:-1] in text for secret in secrets
    )
    if shows and (rule.shows_new or status != 201):
        assert rule.shows, f"{route} shows private data and does not say so"
        assert rows, f"{route} showed private data to {role} and was not noted"
    if rows:
        named = {case for case in on.cases.values() if case in text}
        assert "audit" in rule.shows or named <= {str(row["case_id"]) for row in rows}, route
        noted = {(row["role"], row["route"], row["purpose"]) for row in rows}
        assert noted == {(role, route, "ticket:4711")}
        assert {row["request"] for row in rows} == {answer["x-request-id"]}
        _nothing_private(rows, secrets)
    if status >= 400:
        assert rows == [], f"{route} refused and noted"
    return bool(rows)


def _nothing_private(rows: list[asyncpg.Record], secrets: list[str]) -> None:
    cells = [str(cell) for row in rows for cell in row.values()]
    assert not [secret for secret in secrets for cell in cells if secret == cell]


async def test_a_row_says_who_read_what_about_whom(here: Town) -> None:
    on = await populate(here)
    entities = here.houses["intake"].entities
    subject = entities.sealer.subject_of("customer", "cust-own")
    path = f"/v1/cases/{on.cases['own']}"
    before = len(await readings(here, "intake"))
    for role in ("agent", "customer"):
        headers = {**here.as_(role, PEOPLE[role]), "X-Request-Id": f"of-{role}"}
        assert (await here.clients["intake"].get(path, headers=headers)).status_code == 200
    of_agent, of_customer = (await readings(here, "intake"))[before:]
    assert (of_agent["actor"], of_agent["request"]) == ("A1024", "of-agent")
    assert (of_agent["subject"], of_agent["case_id"]) == (subject, UUID(on.cases["own"]))
    assert set(of_agent["shows"]) == {"case", "person", "words", "facts", "staff"}
    # A customer's own id is personal.
    assert (of_customer["role"], of_customer["actor"]) == ("customer", str(subject))


async def test_a_list_notes_each_that_it_shows_and_a_search_without_result_too(here: Town) -> None:
    on = await populate(here)
    before = len(await readings(here, "intake"))
    agent = here.as_("agent", "A1024")
    await here.clients["intake"].get("/v1/cases", headers=agent)
    found = await readings(here, "intake")
    assert {str(row["case_id"]) for row in found[before:]} >= {
        on.cases["own"],
        on.cases["foreign"],
    }
    assert len({row["subject"] for row in found[before:]}) > 1
    await here.clients["intake"].get("/v1/cases?phone=%2B8613900009999", headers=agent)
    (row,) = (await readings(here, "intake"))[len(found) :]
    assert (row["case_id"], row["subject"], row["actor"]) == (None, None, "A1024")
    assert "13900009999" not in str(dict(row))


async def test_what_cannot_be_noted_is_not_given(here: Town) -> None:
    on = await populate(here)
    await here.houses["intake"].entities.db.execute("ALTER TABLE audit RENAME TO audit_away")
    path = f"/v1/cases/{on.cases['own']}"
    answer = await here.clients["intake"].get(path, headers=here.as_("agent", "A1024"))
    assert (answer.status_code, answer.json()["reason"]) == (503, "unaudited")
    assert not [secret for secret in planted() if secret in answer.text]


async def test_an_ill_written_purpose_is_refused(here: Town) -> None:
    on = await populate(here)
    headers = {**here.as_("agent", "A1024"), "Recourse-Purpose": "because Mr Li asked me"}
    answer = await here.clients["intake"].get(f"/v1/cases/{on.cases['own']}", headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/Recourse-Purpose"


async def test_ops_look_the_audit_up_page_by_page(here: Town) -> None:
    on = await populate(here)
    ops, agent = here.as_("ops", "ops-1"), here.as_("agent", "A1024")
    for _ in range(3):
        await here.clients["intake"].get(f"/v1/cases/{on.cases['own']}", headers=agent)
    await here.clients["intake"].get(f"/v1/cases/{on.cases['foreign']}", headers=agent)
    by_case = {"case_id": on.cases["own"], "actor": "A1024", "limit": 2}
    items = await _every(here, by_case, ops)
    assert [item["route"] for item in items] == ["GET /v1/cases/{case_id}"] * 3
    assert {item["case_id"] for item in items} == {on.cases["own"]}
    of_customer = await _every(here, {"customer": "cust-foreign", "actor": "A1024"}, ops)
    assert {item["case_id"] for item in of_customer} == {on.cases["foreign"]}
    assert await _every(here, {"actor": "A1024", "until": items[-1]["at"]}, ops) == []
    # Looking it up is noted, too.
    assert (await _every(here, {"actor": "ops-1"}, ops))[0]["shows"] == ["audit"]


async def _every(
    here: Town, params: dict[str, Any], headers: dict[str, str]
) -> list[dict[str, Any]]:
    found = list[dict[str, Any]]()
    cursor: dict[str, str] = {}
    while True:
        query = {**params, **cursor}
        answer = await here.clients["intake"].get("/v1/audit/intake", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}


async def test_the_bytes_of_a_dead_letter_are_noted(dsns: dict[str, str]) -> None:
    """They are shown by the kit, whose routes are in no document."""
    router = APIRouter()

    @router.get("/internal/dead-letters/{hash}")
    async def show(hash: str) -> dict[str, str]:
        return {"original": hash}

    async with (
        kit.entities(dsns, kit.READER) as found,
        guarded([router], Access({}), found, None) as client,
    ):
        headers = {"Recourse-Actor": "ops-7"}
        assert (await client.get("/internal/dead-letters/00", headers=headers)).status_code == 200
        (row,) = await found.db.fetch("SELECT * FROM audit")
    assert (row["role"], row["actor"], row["shows"]) == ("unasked", "ops-7", ["messages"])
    assert OPERATIONS.rules["GET /internal/dead-letters/{hash}"].shows


async def test_the_audit_is_only_added_to(dsns: dict[str, str]) -> None:
    add = "INSERT INTO audit (at, request, role, actor, route, shows) VALUES ($1::timestamptz, "
    async with kit.entities(dsns, kit.READER) as found:
        for age in (1, 91):
            at = await found.db.fetchrow("SELECT now() - make_interval(days => $1) AS at", age)
            await found.db.execute(add + "'r', 'agent', 'A1', 'GET /', '{}')", at and at["at"])
        for change in ("UPDATE audit SET actor = 'B'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await found.db.execute(change)
        old = "DELETE FROM audit WHERE at < now() - interval '90 days'"
        assert await found.db.execute(old) == "DELETE 1"


async def test_every_statement_of_the_audit_can_be_prepared(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER):
        connection = await asyncpg.connect(dsns["escalation"])
        for statement in QUERIES.values():
            await connection.prepare(statement)
        await connection.close()
