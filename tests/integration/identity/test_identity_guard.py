"""Identity before the real services: keys, who acts, what is one's own, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.kit.identity import api_keys
from services.kit.identity.access import OPERATIONS
from services.kit.identity.api_keys import NewKey
from services.kit.identity.guard import Bounds
from services.kit.identity.principal import Role
from tests.support.identity import BOUNDS, bearer, doorman_of, guarded
from tests.support.matrix import ABSENT, PEOPLE, report, stated
from tests.support.town import Town, town

OWN = {"role": "customer", "sub": "cust-own"}


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[Town]:
    async with town(dsns) as made:
        yield made


async def opened(here: Town, whose: str = "own") -> str:
    answer = await here.clients["intake"].post(
        "/v1/cases", json=report(whose), headers=here.as_("backend", "b")
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def reason(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["reason"])


async def key_of(here: Town, role: Role, *scopes: str, days: int = 1) -> str:
    key, _ = await api_keys.create(here.keys, NewKey("test", role, f"the-{role}", scopes, days))
    return key


async def test_without_a_credential_nothing_but_health_is_answered(here: Town) -> None:
    for name, client in here.clients.items():
        for path in ("/v1/cases", "/v1/nothing", "/internal/quiet", "/metrics", "/openapi.json"):
            answer = await client.get(path)
            assert reason(answer, 401) == "credential_missing", (name, path)
            assert answer.headers["www-authenticate"] == 'Bearer realm="recourse"'


@pytest.mark.parametrize(
    "given", ["Basic eDp5", "Bearer", "Bearer ", "bearer\tx", "rk_abcdefghijkl_x", "é"]
)
async def test_a_credential_of_another_form(here: Town, given: str) -> None:
    headers = {b"authorization": given.encode("latin-1")}
    answer = await here.clients["intake"].get("/v1/cases", headers=headers)
    assert reason(answer, 401) == "credential_malformed"


async def test_a_key_is_good_until_it_is_revoked_or_expires(here: Town) -> None:
    client = here.clients["intake"]
    key = await key_of(here, Role.AGENT)
    assert (await client.get("/v1/cases", headers=bearer(key))).status_code == 200
    listed = await api_keys.listed(here.keys)
    assert [row["prefix"] for row in listed] == [key.split("_")[1]]
    assert listed[0]["last_used_at"] is not None
    assert await api_keys.revoke(here.keys, key.split("_")[1])
    assert not await api_keys.revoke(here.keys, key.split("_")[1])
    assert reason(await client.get("/v1/cases", headers=bearer(key)), 401) == "key_revoked"
    old = await key_of(here, Role.AGENT, days=0)
    assert reason(await client.get("/v1/cases", headers=bearer(old)), 401) == "key_expired"


async def test_nothing_of_a_key_but_its_hash_is_kept(here: Town) -> None:
    key = await key_of(here, Role.OPS)
    row = await here.keys.fetchrow("SELECT to_jsonb(api_key)::text AS all FROM api_key")
    assert row is not None
    assert key not in row["all"]
    assert key.split("_", 2)[2] not in row["all"]


async def test_a_wrong_secret_and_an_unknown_prefix_are_alike(here: Town) -> None:
    key = await key_of(here, Role.AGENT)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    unknown = "rk_" + "a" * 12 + key[15:]
    for bad in (wrong, unknown, key + "x", key[:-1], "rk_", "rk__"):
        answer = await here.clients["intake"].get("/v1/cases", headers=bearer(bad))
        assert reason(answer, 401) == "key_unknown"


async def test_scopes_narrow_a_key(here: Town) -> None:
    client = here.clients["intake"]
    key = bearer(await key_of(here, Role.AGENT, "cases:read"))
    assert (await client.get("/v1/cases", headers=key)).status_code == 200
    assert reason(await client.get("/v1/incidents", headers=key), 403) == "scope_missing"
    answer = await client.post("/v1/cases", json=report("own"), headers=key)
    assert reason(answer, 403) == "scope_missing"


async def test_operational_routes_are_for_ops_alone(here: Town) -> None:
    for route, rule in OPERATIONS.rules.items():
        method, path = route.split(" ")
        for role, sub in PEOPLE.items():
            answer = await here.clients["intake"].request(
                method, path.format(hash="00", topic="cases"), headers=here.as_(role, sub)
            )
            may = rule.public or role in rule.anyones
            assert (answer.status_code == 403) == (not may or rule.needs is not None), route
    show = "/internal/dead-letters/00"
    allowed = here.as_("ops", "o", scope="openid private:read")
    assert (await here.clients["intake"].get(show, headers=allowed)).status_code == 404


async def test_who_acts_comes_from_the_token(here: Town) -> None:
    case = await opened(here)
    url = f"/v1/cases/{case}/commands"
    promise = {"command": "promise", "what": "an answer", "by_when": "2027-01-01T00:00:00Z"}
    client, agent = here.clients["intake"], here.as_("agent", "A1024", name="李四")
    assert (await client.post(url, json=promise, headers=agent)).status_code == 200
    other = {**promise, "by": {"role": "agent", "id": "A2001"}}
    assert reason(await client.post(url, json=other, headers=agent), 403) == "by_is_not_you"
    customer = {**promise, "by": {"role": "customer", "id": "cust-own"}}
    assert reason(await client.post(url, json=customer, headers=agent), 403) == "by_is_not_you"
    whole = (await client.get(f"/v1/cases/{case}", headers=agent)).json()
    assert len(whole["promises"]) == 1
    plain = {**agent, "content-type": "application/json"}
    for body in ("[]", "7", "null", '"by"', "{"):
        answer = await client.post(url, content=body, headers=plain)
        assert answer.status_code == 422, body


async def test_who_sends_a_file_comes_from_the_token(here: Town) -> None:
    case = await opened(here)
    url = f"/v1/cases/{case}/evidence"
    form = {"by": '{"role": "agent", "id": "A2001"}'}
    files = {"file": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(9))}
    agent = here.as_("agent", "A1024")
    answer = await here.clients["intake"].post(url, data=form, files=files, headers=agent)
    assert reason(answer, 403) == "by_is_not_you"
    assert (await here.clients["intake"].post(url, files=files, headers=agent)).status_code == 201


@pytest.mark.parametrize(
    "command", ["verify_identity", "resolve", "close", "merge", "split", "classify", "promise"]
)
async def test_a_customer_orders_only_what_is_theirs_to_order(here: Town, command: str) -> None:
    case = await opened(here)
    answer = await here.clients["intake"].post(
        f"/v1/cases/{case}/commands", json={"command": command}, headers=here.as_(**OWN)
    )
    assert reason(answer, 403) == "command_not_allowed"


async def test_somebody_elses_case_looks_as_if_it_were_not_there(here: Town) -> None:
    foreign = await opened(here, "foreign")
    await here.settle()
    for service, path in (
        ("intake", "/v1/cases/{}"),
        ("intake", "/v1/cases/{}?after=cases:1"),
        ("escalation", "/v1/ladders/{}"),
        ("notifier", "/v1/recipients/{}"),
    ):
        name = "cust-foreign" if service == "notifier" else foreign
        met = [
            await here.clients[service].get(path.format(each), headers=here.as_(**OWN))
            for each in (name, ABSENT)
        ]
        assert [answer.status_code for answer in met] == [404, 404]
        assert met[0].content == met[1].content
        assert met[0].headers == met[1].headers
        times = [answer.elapsed.total_seconds() for answer in met]
        assert abs(times[0] - times[1]) < 1


async def test_a_ladder_of_ones_own_is_waited_for(here: Town) -> None:
    case = await opened(here)
    asking = asyncio.ensure_future(
        here.clients["escalation"].get(f"/v1/ladders/{case}?after=cases:1", headers=here.as_(**OWN))
    )
    await here.settle()
    answer = await asking
    assert (answer.status_code, answer.json()["case_id"]) == (200, case)


async def test_a_search_of_a_customer_finds_their_own(here: Town) -> None:
    own, _ = await opened(here), await opened(here, "foreign")
    client, headers = here.clients["intake"], here.as_(**OWN)
    for query in ("", "?customer=cust-own", "?status=open", "?phone=%2B8613800000000"):
        found = (await client.get(f"/v1/cases{query}", headers=headers)).json()["items"]
        assert [item["id"] for item in found] == [own], query
    for query in ("?customer=cust-foreign", "?customer=cust-own&customer=cust-foreign"):
        answer = await client.get(f"/v1/cases{query}", headers=headers)
        assert reason(answer, 403) == "not_yours"
    everything = (await client.get("/v1/cases", headers=here.as_("agent", "A1"))).json()
    assert len(everything["items"]) == 2


async def test_a_customer_cannot_come_upon_a_case_by_guessing_its_report(here: Town) -> None:
    await opened(here, "foreign")
    guessed = report("own", external_id="call-foreign")
    client, headers = here.clients["intake"], here.as_(**OWN)
    answer = await client.post("/v1/cases", json=guessed, headers=headers)
    assert reason(answer, 409) == "external_id_taken"
    for customer in ({"id": "cust-foreign"}, {"id": "cust-absent"}):
        answer = await client.post(
            "/v1/cases", json={**guessed, "customer": customer}, headers=headers
        )
        assert reason(answer, 403) == "not_yours"
    mine = stated(report("own"), verified=False)
    assert (await client.post("/v1/cases", json=mine, headers=headers)).status_code == 201


async def test_who_reports_comes_from_the_token_and_customers_verify_nobody(here: Town) -> None:
    client = here.clients["intake"]
    customer = {"role": "customer", "id": "cust-own"}
    for body in (report("own"), report("own", by=customer)):
        answer = await client.post("/v1/cases", json=body, headers=here.as_(**OWN))
        assert answer.status_code == 422, answer.text
        assert [e["pointer"] for e in answer.json()["errors"]] == ["/customer/identity_verified"]
    disguised = report("own", by={"role": "backend", "id": "core"})
    refused = await client.post("/v1/cases", json=disguised, headers=here.as_(**OWN))
    assert reason(refused, 403) == "by_is_not_you"
    foreign = report("own", by={"role": "agent", "id": "A9"})
    refused = await client.post("/v1/cases", json=foreign, headers=here.as_("agent", "A1"))
    assert reason(refused, 403) == "by_is_not_you"
    passed_on = report("own", by=customer)
    backend = here.as_("backend", "app")
    assert (await client.post("/v1/cases", json=passed_on, headers=backend)).status_code == 422
    passed_on = stated(passed_on, verified=False)
    assert (await client.post("/v1/cases", json=passed_on, headers=backend)).status_code == 201
    agent = here.as_("agent", "A1")
    by_agent = report("own", external_id="desk", transaction=None)
    assert (await client.post("/v1/cases", json=by_agent, headers=agent)).status_code == 201


async def test_an_idempotency_key_belongs_to_its_caller(here: Town) -> None:
    client, body = here.clients["intake"], report("own")
    first = {**here.as_("backend", "b1"), "Idempotency-Key": "k"}
    assert (await client.post("/v1/cases", json=body, headers=first)).status_code == 201
    assert (await client.post("/v1/cases", json=body, headers=first)).status_code == 201
    other = {**here.as_("backend", "b2"), "Idempotency-Key": "k"}
    changed = {**body, "external_id": "call-other"}
    assert (await client.post("/v1/cases", json=changed, headers=other)).status_code == 200
    assert (await client.post("/v1/cases", json=changed, headers=first)).status_code == 422


async def test_a_person_who_asks_too_much_is_told_when_to_come_back(here: Town) -> None:
    house = here.houses["intake"]
    doorman = doorman_of(here.issuer, here.keys, rate=2)
    async with guarded(house.parts.routers, house.parts.access, house.entities, doorman) as client:
        headers = here.as_("agent", "A1024")
        answers = [await client.get("/v1/cases", headers=headers) for _ in range(4)]
        assert answers[0].status_code == 200
        assert reason(answers[-1], 429) == "rate_limited"
        assert int(answers[-1].headers["retry-after"]) >= 1
        other = await client.get("/v1/cases", headers=here.as_("agent", "A2001"))
        assert other.status_code == 200


@pytest.mark.parametrize("identity", [True, False])
async def test_size_and_depth_are_bounded_with_and_without_identity(
    dsns: dict[str, str], identity: bool
) -> None:
    async with town(dsns, identity=identity) as here:
        headers = {**here.as_("supervisor", "A3001"), "content-type": "application/json"}
        for service, path in (
            ("intake", "/v1/cases"),
            ("escalation", "/v1/roster/groups/frontline"),
            ("notifier", "/v1/recipients/cust-own"),
        ):
            method = "POST" if service == "intake" else "PUT"
            for body, status in ((b" " * 300_000, 413), (b"[" * 100 + b"]" * 100, 422)):
                answer = await here.clients[service].request(
                    method, path, content=body, headers=headers
                )
                assert answer.status_code == status, (service, answer.text)


async def test_work_that_takes_too_long_ends(here: Town, dsns: dict[str, str]) -> None:
    house = here.houses["escalation"]
    bounds = Bounds(BOUNDS.body_max_bytes, timeout_s=0.05)
    async with guarded(
        house.parts.routers, house.parts.access, house.entities, None, bounds
    ) as client:
        answer = await client.get(f"/v1/ladders/{ABSENT}")
    assert reason(answer, 503) == "timeout"


async def test_a_path_or_method_that_has_no_rule_is_nobodys(here: Town) -> None:
    ops: dict[str, Any] = here.as_("ops", "o")
    client = here.clients["intake"]
    for path in ("/v1/other", "/v1/cases/", "/docs", "/internal/quiet/"):
        assert (await client.get(path, headers=ops)).status_code == 404
    answer = await client.delete("/v1/cases", headers=ops)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
