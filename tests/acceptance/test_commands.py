"""Every command answers as the tables of `walkthrough.md` sections 1 and 2 say, or says why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import pytest

from tests.support.desk import AGENT, SENIOR, Desk, Json, clock, customer, reason_of, report_of
from tests.support.stack import RunningStack

pytestmark = pytest.mark.system

BODIES: Final[Mapping[str, Json]] = {
    "reply": {"text": "正在核实", "channel": "email"},
    "ask_customer": {"text": "请提供凭证", "facts": ["evidence.payment_receipt"]},
    "wait_third_party": {"party": "收款银行", "reference": "R-1"},
    "third_party_answered": {"text": "已退回"},
    "provide": {"facts": {"already_tried": "重启"}},
    "promise": {"what": "周一答复", "by_when": "2026-12-01T12:00:00+08:00"},
    "classify": {"category": "refund", "severity": "high", "reason": "客户要求退款"},
    "verify_identity": {"method": "passport"},
    "consent": {"to": "social", "wording": "我同意", "given": True},
    "resolve": {"outcome": "credited", "summary": "已入账"},
    "confirm": {},
    "reopen": {"reason": "没有到账"},
    "withdraw": {"reason": "不需要了"},
    "close": {"reason": "重复"},
}
ACTIVE = {"open", "waiting_customer", "waiting_third_party"}
# What the walkthrough fixes: from which statuses, and to which.
MOVES: Final[Mapping[str, tuple[set[str], str]]] = {
    "ask_customer": ({"open"}, "waiting_customer"),
    "wait_third_party": ({"open"}, "waiting_third_party"),
    "third_party_answered": ({"waiting_third_party"}, "open"),
    "provide": ({"waiting_customer"}, "open"),
    "resolve": (ACTIVE, "resolved"),
    "confirm": ({"resolved"}, "closed"),
    "reopen": ({"resolved", "closed"}, "open"),
    "withdraw": (ACTIVE | {"resolved"}, "withdrawn"),
    "close": (ACTIVE | {"resolved"}, "closed"),
}
STAYS = ("reply", "promise", "classify", "verify_identity", "consent")
ROADS: Final[Mapping[str, tuple[str, ...]]] = {
    "open": (),
    "waiting_customer": ("ask_customer",),
    "waiting_third_party": ("wait_third_party",),
    "resolved": ("resolve",),
    "closed": ("resolve", "confirm"),
    "withdrawn": ("withdraw",),
}


async def in_status(desk: Desk, name: str, status: str) -> str:
    """A case that was brought to a status."""
    case_id: str = (await desk.report(report_of(name)))["id"]
    for command in ROADS[status]:
        await desk.case(case_id, command, **BODIES[command])
    return case_id


@pytest.mark.parametrize("status", ROADS)
async def test_each_command_is_legal_where_the_table_says(desk: Desk, status: str) -> None:
    for command, (legal, after) in MOVES.items():
        case_id = await in_status(desk, f"{status}-{command}", status)
        answer = await desk.try_case(case_id, command, **BODIES[command])
        if status in legal:
            assert (answer.status_code, answer.json()["status"]) == (200, after), command
            assert answer.json()["position"].startswith("cases:")
        else:
            assert reason_of(answer) == "not_in_this_status", command
            assert set(answer.json()["statuses"]) == legal, command
            assert (await desk.get(f"/v1/cases/{case_id}"))["status"] == status


@pytest.mark.parametrize("command", STAYS)
async def test_what_stays_changes_no_status(desk: Desk, command: str) -> None:
    for status in ("open", "waiting_customer", "waiting_third_party"):
        case_id = await in_status(desk, f"stays-{command}-{status}", status)
        assert (await desk.case(case_id, command, **BODIES[command]))["status"] == status
    closed = await in_status(desk, f"stays-{command}-closed", "closed")
    answer = await desk.try_case(closed, command, **BODIES[command])
    if command == "consent":
        assert answer.status_code == 200, "a consent can always be taken back"
    else:
        assert reason_of(answer) == "not_in_this_status"
        assert "open" in answer.json()["statuses"]


async def test_what_was_ordered_is_seen(desk: Desk) -> None:
    case_id = await in_status(desk, "seen", "open")
    classified = await desk.case(case_id, "classify", **BODIES["classify"])
    assert (classified["category"], classified["severity"]) == ("refund", "high")
    assert [each["fact"] for each in classified["missing_facts"]] == ["refund_reason"]
    await desk.case(case_id, "verify_identity", **BODIES["verify_identity"])
    await desk.case(case_id, "consent", **BODIES["consent"])
    promised = await desk.case(case_id, "promise", **BODIES["promise"])
    kept = {"promise": promised["promise_id"]}
    await desk.case(case_id, "keep_promise", **kept)
    assert reason_of(await desk.try_case(case_id, "keep_promise", **kept)) == "promise_already_kept"
    case = await desk.get(f"/v1/cases/{case_id}")
    assert case["identity_verified"] is True
    assert [consent["to"] for consent in case["consents"]] == ["social"]
    assert len(case["promises"]) == 1


async def test_merge_and_split(desk: Desk) -> None:
    one, other = await in_status(desk, "merge-1", "open"), await in_status(desk, "merge-2", "open")
    merged = await desk.case(one, "merge", into=other)
    assert merged["status"] == "merged"
    assert (await desk.get(f"/v1/cases/{one}"))["merged_into"] == other
    assert reason_of(await desk.try_case(one, "reply", **BODIES["reply"])) == "not_in_this_status"
    assert reason_of(await desk.try_case(other, "merge", into=one)) == "target_is_merged"
    unknown = await desk.try_case(other, "merge", into=str(UUID(int=9)))
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "/into"
    contact = await desk.post(
        f"/v1/cases/{other}/contacts", {"channel": "chat", "summary": "另一件事"}
    )
    assert contact.status_code == 201, contact.text
    split = await desk.case(other, "split", contacts=[contact.json()["contact_id"]])
    assert split["status"] == "open"
    opened = await desk.get(f"/v1/cases/{split['new_case']}")
    assert opened["status"] == "open"
    assert (await desk.seen(split["new_case"], opened["position"]))["rung"] == "frontline"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"command": "dance"}, ""),
        ({"command": "reply", "channel": "email"}, "/text"),
        ({"command": "reply", "text": "x", "channel": "pigeon"}, "/channel"),
        ({"command": "promise", "what": "x", "by_when": "soon"}, "/by_when"),
        (
            {"command": "promise", "what": "x", "by_when": "2020-01-01T00:00:00+08:00"},
            "/by_when",
        ),
        ({"command": "classify", "category": "nonsense", "reason": "x"}, "/category"),
        ({"command": "keep_promise", "promise": str(UUID(int=4))}, "/promise"),
    ],
)
async def test_a_command_that_cannot_be_read_names_the_field(
    desk: Desk, body: Json, pointer: str
) -> None:
    case_id = await desk.stack.persist(lambda: desk.post("/v1/cases", report_of("unread")))
    path = f"/v1/cases/{case_id.json()['id']}/commands"
    answer = await desk.post(path, {"by": AGENT, **body})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] in {pointer, "/command"}
    nobody = await desk.post(path, body)
    assert nobody.status_code == 422


async def known(desk: Desk, name: str) -> tuple[str, Json]:
    """A case with its ladder, and its customer."""
    body = report_of(name)
    opened = await desk.report(body)
    await desk.seen(opened["id"], opened["position"])
    return opened["id"], customer(body)


async def test_claim_release_recuse_and_hand_over(desk: Desk) -> None:
    case_id, _ = await known(desk, "holding")
    other = {"role": "agent", "id": "A1025", "name": "陈晨"}
    held = await desk.ladder(case_id, "claim")
    assert held["holder"] == {"staff_number": "A1024", "name": "李四"}
    assert (await desk.ladder(case_id, "claim"))["holder"] == held["holder"]
    refused = await desk.try_ladder(case_id, "claim", other)
    assert (reason_of(refused), refused.json()["holder"]) == ("already_held", held["holder"])
    assert reason_of(await desk.try_ladder(case_id, "release", other)) == "not_holder"
    handed = await desk.ladder(case_id, "hand_over", to_agent="A1025", brief="客户已两次来电")
    listed = await desk.get("/v1/roster/agents/A1025")
    assert handed["holder"] == {"staff_number": "A1025", "name": listed["name"]}
    recused = await desk.ladder(case_id, "recuse", other, reason="熟人")
    assert recused["holder"] is None
    assert reason_of(await desk.try_ladder(case_id, "claim", other)) == "recused"
    await desk.ladder(case_id, "claim")
    assert (await desk.ladder(case_id, "release"))["holder"] is None
    assert reason_of(await desk.try_ladder(case_id, "release")) == "not_held"


async def test_escalate_and_de_escalate(desk: Desk) -> None:
    case_id, person = await known(desk, "climbing")
    asked = await desk.ladder(case_id, "escalate", person, reason="我要投诉")
    assert (asked["rung"], asked["owner_group"]) == ("senior", "senior")
    assert asked["history"][-1]["reason"] == "customer_asked"
    refused = await desk.try_ladder(case_id, "escalate", reason="x", to="senior")
    assert reason_of(refused) == "not_higher"
    refused = await desk.try_ladder(case_id, "escalate", reason="x", to="moon")
    assert reason_of(refused) == "unknown_rung"
    down = await desk.ladder(case_id, "de_escalate", SENIOR, reason="一线可以处理")
    assert (down["rung"], down["visit"]) == ("frontline", 2)
    assert reason_of(await desk.try_ladder(case_id, "de_escalate", reason="x")) == "no_lower_rung"
    written = await desk.ladder(case_id, "escalate", to="email", reason="需要书面处理")
    assert (written["rung"], written["path"]) == ("email", "email")
    assert written["history"][-1]["reason"] == "agent_asked"
    assert reason_of(await desk.try_ladder(case_id, "pause", person, reason="x")) == (
        "role_not_allowed"
    )


async def test_acknowledge_stops_the_rungs_clock(desk: Desk) -> None:
    case_id, _ = await known(desk, "acknowledged")
    await desk.ladder(case_id, "escalate", reason="复杂")
    assert clock(await desk.seen(case_id), "acknowledgement")["state"] == "running"
    seen = await desk.ladder(case_id, "acknowledge", SENIOR, **{"for": "PT2H"})
    assert clock(seen, "acknowledgement")["state"] == "met"


async def test_pause_and_resume_within_the_cap(desk: Desk, stack: RunningStack) -> None:
    case_id, _ = await known(desk, "pausing")
    paused = await desk.ladder(case_id, "pause", reason="系统维护")
    assert paused["state"] == "paused"
    resolution = clock(paused, "resolution")
    assert resolution["state"] == "paused"
    assert [pause["reason"] for pause in resolution["paused"]] == ["agent"]
    assert reason_of(await desk.try_ladder(case_id, "pause", reason="x")) == "already_paused"
    assert (await desk.ladder(case_id, "resume"))["state"] == "running"
    assert reason_of(await desk.try_ladder(case_id, "resume")) == "not_paused"
    too_long = await desk.try_ladder(
        case_id, "pause", reason="x", until="2026-12-24T00:00:00+08:00"
    )
    assert reason_of(too_long) == "pause_cap_reached"


async def test_offers_are_the_customers_to_take(desk: Desk) -> None:
    case_id, person = await known(desk, "offered")
    refused = await desk.try_ladder(case_id, "accept_offer", person, rung="social")
    assert reason_of(refused) == "no_such_offer"
    offered = await desk.ladder(case_id, "escalate", person, to="social", reason="公开渠道")
    assert ([offer["rung"] for offer in offered["offers"]], offered["rung"]) == (
        ["social"],
        "frontline",
    )
    assert reason_of(await desk.try_ladder(case_id, "accept_offer", rung="social")) == (
        "role_not_allowed"
    )
    refused = await desk.try_ladder(case_id, "accept_offer", person, rung="social")
    assert reason_of(refused) == "consent_missing"
    declined = await desk.ladder(case_id, "decline_offer", person, rung="social", reason="不用")
    assert [offer["rung"] for offer in declined["offers"]] == ["regulator"]


async def test_actions_are_asked_for_and_called_off(desk: Desk) -> None:
    body = report_of("acting")
    body["customer"] |= {"identity_verified": False}
    opened = await desk.report(body)
    case_id = opened["id"]
    await desk.seen(case_id, opened["position"])
    refused = await desk.try_ladder(case_id, "request_action", action="refund")
    assert reason_of(refused) == "identity_unverified"
    verified = await desk.case(case_id, "verify_identity", **BODIES["verify_identity"])
    obeyed = await desk.try_ladder(
        case_id, "request_action", after=verified["position"], action="refund"
    )
    assert obeyed.status_code == 200, obeyed.text
    action_id = obeyed.json()["action_id"]
    (action,) = (await desk.get(f"/v1/ladders/{case_id}/actions"))["items"]
    assert (action["action_id"], action["action"], action["state"]) == (
        action_id,
        "refund",
        "requested",
    )
    assert action["clock"]["state"] == "running"
    assert action["parameters"]["transaction"] == "tx-acting"
    again = await desk.try_ladder(case_id, "request_action", action="refund")
    assert (reason_of(again), again.json()["action_id"]) == ("already_requested", action_id)
    await desk.ladder(case_id, "cancel_action", action_id=action_id)
    ended = await desk.try_ladder(case_id, "cancel_action", action_id=action_id)
    assert (reason_of(ended), ended.json()["state"]) == ("action_ended", "cancelled")
    nothing = await desk.try_ladder(case_id, "cancel_action", action_id=str(UUID(int=5)))
    assert reason_of(nothing) == "no_such_action"
    unknown = await desk.try_ladder(case_id, "request_action", action="dance")
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "/action"


async def test_extensions_have_their_bound(desk: Desk) -> None:
    case_id, _ = await known(desk, "extending")
    more: Json = {"clock": "resolution", "reason": "等待银行", "approver": "S1001"}
    longer = await desk.ladder(case_id, "extend", by_duration="PT4H", **more)
    assert clock(longer, "resolution")["budget"] == "PT12H"
    too_much = await desk.try_ladder(case_id, "extend", by_duration="PT5H", **more)
    assert reason_of(too_much) == "extension_bound"
    unknown = await desk.try_ladder(case_id, "extend", by_duration="PT1H", **{**more, "clock": "x"})
    assert reason_of(unknown) == "unknown_clock"


async def test_a_stopped_ladder_takes_no_command(desk: Desk) -> None:
    case_id, _ = await known(desk, "stopped")
    resolved = await desk.case(case_id, "resolve", **BODIES["resolve"])
    await desk.seen(case_id, resolved["position"])
    bodies: dict[str, dict[str, Any]] = {
        "claim": {},
        "escalate": {"reason": "x"},
        "pause": {"reason": "x"},
    }
    for command, body in bodies.items():
        refused = await desk.try_ladder(case_id, command, **body)
        assert (reason_of(refused), refused.json()["case_status"]) == ("ladder_stopped", "resolved")


async def test_roster_and_groups_are_written_and_read(desk: Desk) -> None:
    client = desk.stack.client
    path = "/v1/roster/agents/A7001"
    agent = {"name": "郑爽", "groups": ["senior"], "languages": ["zh"], "supervisor": "S3001"}
    assert (await client.put(path, json=agent)).status_code == 200
    found = await desk.get(path)
    assert (found["staff_number"], found["name"], found["groups"]) == ("A7001", "郑爽", ["senior"])
    title = {"title": {"en": "Night shift", "zh": "夜班"}}
    assert (await client.put("/v1/roster/groups/night", json=title)).status_code == 200
    assert (await desk.get("/v1/roster/groups/night"))["title"]["zh"] == "夜班"
    assert (await client.get("/v1/roster/agents/nobody")).status_code == 404
    # From the first agent that the operator writes, the roster binds.
    case_id, _ = await known(desk, "bound")
    stranger = {"role": "agent", "id": "X9999", "name": "某人"}
    assert reason_of(await desk.try_ladder(case_id, "claim", stranger)) == "unknown_agent"
    writer = {"role": "agent", "id": "A7001"}
    held = await desk.ladder(case_id, "claim", writer)
    assert held["holder"] == {"staff_number": "A7001", "name": "郑爽"}


async def test_cases_are_found_by_what_is_known_of_them(desk: Desk) -> None:
    body = report_of("findable")
    body["customer"] |= {"phone": "+8613811112222", "email": "findable@example.com"}
    case_id = (await desk.report(body))["id"]
    for query in (
        {"customer": "cust-findable"},
        {"phone": "+8613811112222"},
        {"email": "Findable@example.com"},
        {"transaction": "tx-findable"},
        {"customer": "cust-findable", "status": "open", "category": "funds_not_received"},
    ):
        found = await desk.get("/v1/cases", **query)
        assert [item["id"] for item in found["items"]] == [case_id], query
        assert found["next"] is None
    assert (await desk.get("/v1/cases", customer="cust-findable", status="closed"))["items"] == []
    seen: list[str] = []
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = await desk.get("/v1/cases", limit=7, **more)
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert case_id in seen
