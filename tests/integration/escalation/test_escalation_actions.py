"""Actions on a real database: asked on one topic, answered on another, each answer once."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.kit.wire import StoredRecord
from tests.support.escalation import Escalation
from tests.support.escalation import escalation as running

DANGER: dict[str, Any] = {
    "category": "account_takeover",
    "severity": "critical",
    "lane": "money_safety",
}
VERIFIED: dict[str, Any] = {"identity_verified": True}


def answer(name: str, action_id: str, message_id: str | None = None, **fields: Any) -> StoredRecord:
    """What another backend says, as it travels."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": message_id or str(uuid4()),
        "ce_source": "core-banking",
        "ce_type": name,
        "content-type": "application/json",
    }
    headers = tuple((header, text.encode()) for header, text in texts.items())
    value = json.dumps({"action_id": action_id, **fields}).encode()
    return StoredRecord("actions-answered", 0, 0, b"key", value, headers)


async def asked(escalation: Escalation) -> list[dict[str, Any]]:
    """The values on topic `actions`, in order, with their type."""
    rows = await escalation.entities.db.fetch(
        "SELECT type, value FROM log WHERE topic = 'actions' ORDER BY pos"
    )
    return [{"type": row["type"], **json.loads(row["value"])} for row in rows]


async def actions(escalation: Escalation, case_id: UUID) -> list[dict[str, Any]]:
    return list((await escalation.get(f"/v1/ladders/{case_id}/actions"))["items"])


async def requested(escalation: Escalation, case_id: UUID, action: str = "refund") -> str:
    """An agent asks for an action; answers its id."""
    body = {"action": action, "parameters": {"transaction": "tx-1"}}
    obeyed = await escalation.order(case_id, "request_action", **body)
    assert obeyed.status_code == 200, obeyed.text
    return str(obeyed.json()["action_id"])


async def test_an_action_is_asked_and_answered(escalation: Escalation) -> None:
    case_id = await escalation.opened(**VERIFIED)
    action_id = await requested(escalation, case_id)
    (request,) = await asked(escalation)
    assert request["type"] == "recourse.action.requested.v1"
    assert (request["action_id"], request["action"]) == (action_id, "refund")
    assert request["parameters"] == {"customer": "cust-1001", "transaction": "tx-1"}
    await escalation.consumer.handle(
        [
            answer("action.accepted", action_id, reference="B-1"),
            answer("recourse.action.done.v1", action_id, result={"refunded": "80.00"}),
        ]
    )
    (action,) = await actions(escalation, case_id)
    assert (action["state"], action["reference"]) == ("done", "B-1")
    assert action["clock"]["state"] == "met"
    assert await escalation.dead_letters() == []


async def test_the_gate_and_its_reason(escalation: Escalation) -> None:
    case_id = await escalation.opened()
    refused = await escalation.order(case_id, "request_action", action="refund")
    assert (refused.status_code, refused.json()["reason"]) == (409, "identity_unverified")
    unknown = await escalation.order(case_id, "request_action", action="dance")
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "/action"
    await escalation.tell(case_id, "identity.verified")
    missing = await escalation.order(case_id, "request_action", action="refund")
    assert (missing.json()["reason"], missing.json()["parameters"]) == (
        "parameter_missing",
        ["transaction"],
    )


async def test_the_same_answer_again_changes_nothing(escalation: Escalation) -> None:
    case_id = await escalation.opened(**VERIFIED)
    action_id = await requested(escalation, case_id)
    done = answer("action.done", action_id, "m-1")
    await escalation.consumer.handle([done, done])
    position = (await escalation.ladder(case_id))["position"]
    await escalation.consumer.handle([done, answer("action.done", action_id, "m-2")])
    assert (await escalation.ladder(case_id))["position"] == position


async def test_two_replicas_take_the_answers_of_one_case(
    dsns: dict[str, str], escalation: Escalation
) -> None:
    cases = [await escalation.opened(number, **VERIFIED) for number in range(10)]
    wanted = [await requested(escalation, case_id) for case_id in cases]
    done = [answer("action.done", action_id) for action_id in wanted]
    async with running(dsns) as other:
        await asyncio.gather(
            escalation.consumer.handle(done), other.consumer.handle(list(reversed(done)))
        )
    for case_id in cases:
        (action,) = await actions(escalation, case_id)
        assert action["state"] == "done"
    assert await escalation.dead_letters() == []


@pytest.mark.parametrize(
    ("name", "names", "reason"),
    [
        ("action.danced", None, "unknown_type"),
        ("action.done", "not a uuid", "invalid_value"),
    ],
)
async def test_what_cannot_be_read_is_a_dead_letter(
    escalation: Escalation, name: str, names: str | None, reason: str
) -> None:
    case_id = await escalation.opened(**VERIFIED)
    action_id = await requested(escalation, case_id)
    bad = answer(name, names or action_id)
    await escalation.consumer.handle([bad, answer("action.done", action_id)])
    assert [row["reason"] for row in await escalation.dead_letters()] == [reason]
    assert (await actions(escalation, case_id))[0]["state"] == "done"


async def test_an_answer_to_nothing_waits_for_its_request(escalation: Escalation) -> None:
    await escalation.consumer.handle([answer("action.done", str(uuid4()))])
    rows = await escalation.entities.db.fetch("SELECT reason FROM foreign_waiting")
    assert [row["reason"] for row in rows] == ["unknown_action"]
    assert await escalation.dead_letters() == []


async def test_money_in_danger_is_frozen_in_the_opening_itself(escalation: Escalation) -> None:
    case_id = await escalation.opened(**DANGER)
    (freeze,) = await asked(escalation)
    assert (freeze["action"], freeze["identity_verified"]) == ("freeze", False)
    await escalation.go_to("11-20T10:08:00")
    (action,) = await actions(escalation, case_id)
    assert action["late"] is True
    # The first response was missed before: the late freeze takes it nowhere it is not already.
    assert (await escalation.ladder(case_id))["rung"] == "senior"
    await escalation.go_to("11-21T09:58:00")
    assert [each["type"] for each in await asked(escalation)] == [
        "recourse.action.requested.v1",
        "recourse.action.expired.v1",
    ]


async def test_answers_and_events_of_one_batch_are_written_in_their_order(
    escalation: Escalation,
) -> None:
    case_id = await escalation.opened(**VERIFIED)
    action_id = await requested(escalation, case_id)
    await escalation.produce(case_id, "case.resolved", status="resolved", outcome="refunded")
    records = await escalation.records()
    await escalation.consumer.handle([*records, answer("action.refused", action_id)])
    queue = await escalation.entities.db.fetch("SELECT case_id FROM queue")
    assert queue == []
    kinds = await escalation.entities.db.fetch("SELECT kind FROM journal ORDER BY pos")
    assert [row["kind"] for row in kinds] == ["event", "command", "event", "answer"]
    (action,) = await actions(escalation, case_id)
    assert action["state"] == "refused"
