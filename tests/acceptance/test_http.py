"""HTTP as a client meets it: idempotent, first come first served, described at one address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from tests.support.desk import Desk, report_of
from tests.support.stack import RunningStack
from tests.support.topics import backend, chains, everything_on_topics, names, send_report

pytestmark = pytest.mark.system

PATHS = {
    "/v1/cases": {"get", "post"},
    "/v1/cases/{}": {"get"},
    "/v1/cases/{}/contacts": {"post"},
    "/v1/cases/{}/evidence": {"post"},
    "/v1/cases/{}/commands": {"post"},
    "/v1/ladders/{}": {"get"},
    "/v1/ladders/{}/commands": {"post"},
    "/v1/ladders/{}/explain": {"get"},
    "/v1/queues/{}": {"get"},
    "/v1/roster/agents/{}": {"get", "put"},
    "/v1/roster/groups/{}": {"get", "put"},
    "/v1/deliveries": {"get"},
    "/v1/recipients/{}": {"get", "put"},
    "/v1/recipients/{}/inbox": {"get"},
    "/v1/recipients/{}/inbox/{}/read": {"post"},
}
_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


async def test_the_same_key_replays_the_same_answer(desk: Desk) -> None:
    body = report_of("replayed")
    first = await desk.post("/v1/cases", body, "key-1")
    again = await desk.post("/v1/cases", body, "key-1")
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    without_key = await desk.stack.client.post("/v1/cases", json=body)
    assert without_key.status_code == 200
    assert without_key.json()["id"] == first.json()["id"]


async def test_another_body_under_the_same_key_is_422(desk: Desk) -> None:
    await desk.report(report_of("one"), 201, "key-2")
    answer = await desk.post("/v1/cases", report_of("two"), "key-2")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await desk.get("/v1/cases", customer="cust-two"))["items"] == []


async def test_commands_replay_too(desk: Desk, stack: RunningStack) -> None:
    case_id = (await desk.report(report_of("commands")))["id"]
    path = f"/v1/cases/{case_id}/commands"
    by = {"role": "agent", "id": "A1024", "name": "李四"}
    reply = {"command": "reply", "by": by, "text": "正在核实", "channel": "email"}
    answers = [await desk.post(path, reply, "key-3") for _ in range(3)]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["position"] == "cases:2"
    claim = {"command": "claim", "by": by}
    ladder = f"/v1/ladders/{case_id}/commands"
    claims = [await desk.post(ladder, claim, "key-3") for _ in range(2)]
    assert [claim.status_code for claim in claims] == [200, 200]
    assert claims[0].content == claims[1].content
    await stack.quiet()
    told = [each["template"] for each in await desk.deliveries(case_id)]
    assert told.count("customer_replied_to") == 2  # e-mail and inbox


async def test_one_report_at_once_by_both_roads_is_one_case(
    desk: Desk, stack: RunningStack
) -> None:
    body = report_of("at-once")
    async with backend(stack) as producer:
        sending = asyncio.gather(
            *(send_report(stack, producer, f"at-once-{n}", body) for n in range(4))
        )
        answered = await asyncio.gather(*(desk.post("/v1/cases", body) for _ in range(8)))
        await sending
    assert {answer.status_code for answer in answered} <= {200, 201}
    assert sum(answer.status_code == 201 for answer in answered) <= 1
    (case_id,) = {answer.json()["id"] for answer in answered}
    await stack.quiet()
    chain = chains(await everything_on_topics(stack), [case_id], "cases")["cases", case_id]
    assert names(chain) == ["case.opened"]
    assert (await desk.deliveries(case_id))[0]["template"] == "case_received"


async def test_of_agents_who_claim_at_once_one_holds_the_case(desk: Desk) -> None:
    opened = await desk.report(report_of("contested"))
    await desk.seen(opened["id"], opened["position"])
    agents = [
        {"role": "agent", "id": f"A10{number}", "name": f"客服{number}"} for number in range(24, 30)
    ]
    answers = await asyncio.gather(
        *(desk.try_ladder(opened["id"], "claim", agent) for agent in agents)
    )
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, len(agents) - 1)
    holder = won[0].json()["holder"]
    for answer in lost:
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["reason"], answer.json()["holder"]) == ("already_held", holder)
    assert (await desk.seen(opened["id"]))["holder"] == holder


async def test_a_case_nobody_knows_is_404(desk: Desk) -> None:
    unknown = str(UUID(int=5))
    paths = (f"/v1/cases/{unknown}", f"/v1/ladders/{unknown}", f"/v1/ladders/{unknown}/explain")
    answers = await asyncio.gather(
        *(desk.stack.client.get(path) for path in paths),
        desk.try_case(unknown, "confirm"),
        desk.try_ladder(unknown, "claim"),
    )
    for answer in answers:
        assert answer.status_code == 404, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_position_that_is_not_reached_is_503_behind(desk: Desk) -> None:
    opened = await desk.report(report_of("behind"))
    answer = await desk.stack.client.get(
        f"/v1/ladders/{opened['id']}", params={"after": "cases:99"}
    )
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "behind"


@pytest.fixture(scope="module")
async def document(desk: Desk) -> dict[str, Any]:
    """What the front serves."""
    return dict(await desk.get("/openapi.json"))


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"]
    assert document["info"]["version"]
    for path, item in document["paths"].items():
        assert path.startswith("/v1/"), path
        in_path = set(re.findall(r"{(\w+)}", path))
        for method, operation in item.items():
            assert method in _METHODS, (path, method)
            named = {each["name"] for each in operation.get("parameters", ())}
            assert in_path <= named, (path, method)
            assert operation["responses"], (path, method)
            assert all(re.fullmatch(r"[1-5]\d\d|default", code) for code in operation["responses"])


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for each in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))


def test_every_path_of_the_walkthrough_is_there(document: dict[str, Any]) -> None:
    found = {re.sub(r"{\w+}", "{}", path): set(item) for path, item in document["paths"].items()}
    for path, methods in PATHS.items():
        assert methods <= found.get(path, set()), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_references(document))
    assert references
    for reference in references:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


def test_every_schema_is_a_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "Report" in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
