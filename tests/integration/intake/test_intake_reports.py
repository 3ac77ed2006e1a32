"""Topic `reports`: the same cases by the other road, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from tests.support.cases import report_body
from tests.support.intake import Intake
from tests.support.intake import intake as running

CALL = {"source": "call-centre", "external_id": "call-778"}
AT = "2026-11-20T09:59:00+08:00"


def chat(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    contact = {"channel": "chat", "summary": "hello"}
    return {"case": case, "occurred_at": AT, "contact": contact, **changes}


async def test_http_and_kafka_in_any_order_are_one_case(intake: Intake) -> None:
    await intake.consume(
        intake.record("case.reported", report_body()),
        intake.record("recourse.case.reported.v1", report_body()),
    )
    answer = await intake.post("", report_body())
    assert answer.status_code == 200
    await intake.consume(intake.record("case.reported", report_body()))
    assert await intake.event_names() == ["case.opened"]


async def test_both_roads_at_once_are_one_case(dsns: Mapping[str, str], intake: Intake) -> None:
    async with running(dsns) as other:
        await asyncio.gather(
            *(intake.post("", report_body()) for _ in range(5)),
            *(other.consume(other.record("case.reported", report_body())) for _ in range(5)),
        )
    assert await intake.event_names() == ["case.opened"]


async def test_batches_with_the_same_cases_in_another_order_do_not_deadlock(
    dsns: Mapping[str, str], intake: Intake
) -> None:
    bodies = [
        report_body(external_id=f"r{n}", transaction={"id": f"tx-{n % 20}"}) for n in range(60)
    ]
    async with running(dsns) as other:
        await asyncio.gather(
            intake.consume(*(intake.record("case.reported", body) for body in bodies)),
            other.consume(
                *(
                    other.record("case.reported", body, f"o-{n}")
                    for n, body in reversed(list(enumerate(bodies)))
                )
            ),
        )
    names = await intake.event_names()
    assert (names.count("case.opened"), names.count("contact.added")) == (20, 40)
    assert await intake.dead_letters() == []


async def test_a_batch_builds_on_itself(intake: Intake) -> None:
    await intake.consume(
        intake.record("case.reported", report_body()),
        intake.record("case.reported", report_body(external_id="call-779")),
        intake.record("contact.reported", chat(CALL)),
        intake.record("fact.reported", {"case": CALL, "facts": {"bank": "B"}}),
        intake.record(
            "transaction.updated",
            {"case": CALL, "transaction": {"id": "tx-5567", "status": "sent"}},
        ),
    )
    assert await intake.event_names() == [
        "case.opened",
        "contact.added",
        "contact.added",
        "facts.added",
        "facts.added",
    ]
    assert [row["seq"] for row in await intake.log()] == [1, 2, 3, 4, 5]
    case_id = (await intake.post("", report_body())).json()["id"]
    case = await intake.get(f"/{case_id}")
    assert (case["facts"]["bank"], case["transaction"]["status"]) == ("B", "sent")
    assert len(case["contacts"]) == 3


async def test_by_any_road_at_once_a_locked_customer_has_one_case(
    dsns: Mapping[str, str], by_category: Intake, pack_by_category: str
) -> None:
    intake = by_category

    def locked(number: int, **changes: Any) -> dict[str, Any]:
        about = {"transaction": None, "category": "account_access", **changes}
        return report_body(external_id=f"locked-{number}", **about)

    async with running(dsns, packs=pack_by_category) as other:
        answers = await asyncio.gather(
            *(intake.post("", locked(number)) for number in range(8)),
            *(other.post("", locked(number)) for number in range(8, 16)),
            *(
                replica.consume(replica.record("case.reported", locked(number)))
                for number in range(16, 24)
                for replica in (intake, other)
            ),
        )
    posted = [answer.json() for answer in answers if answer is not None]
    assert len({case["id"] for case in posted}) == 1
    assert {case["reason"] for case in posted} <= {"opened", "collapsed_by_category"}
    names = await intake.event_names()
    assert (names.count("case.opened"), names.count("contact.added")) == (1, 23)
    assert await intake.dead_letters() == []
    again = await intake.post("", locked(3))
    assert (again.status_code, again.json()["reason"]) == (200, "known")
    apart = await intake.post("", locked(90, another_matter=True))
    assert (apart.status_code, apart.json()["reason"]) == (201, "opened")
    case = await intake.get(f"/{posted[0]['id']}")
    added = [line for line in case["timeline"] if line["event"] == "contact.added"]
    assert {line["detail"]["joined"] for line in added} == {"same_category"}


async def test_what_was_split_off_stays_apart_and_is_found_by_what_it_is_about(
    by_category: Intake,
) -> None:
    intake = by_category
    first = report_body(transaction=None, category="account_access")
    case_id = (await intake.post("", first)).json()["id"]
    joined = await intake.post("", {**first, "external_id": "second"})
    assert joined.json()["id"] == case_id
    contact = (await intake.get(f"/{case_id}"))["contacts"][1]["id"]
    answer = await intake.order(case_id, "split", contacts=[contact])
    new_case = answer.json()["new_case"]
    await intake.order(case_id, "close", reason="unlocked")
    about = (await intake.get(f"/{new_case}"))["category"]
    third = {**first, "external_id": "third", "category": about}
    assert (await intake.post("", third)).json()["id"] == new_case


async def test_the_same_message_twice_happens_once(intake: Intake) -> None:
    await intake.consume(intake.record("case.reported", report_body(), "m"))
    twice = intake.record("contact.reported", chat(CALL), "c")
    await intake.consume(twice, twice)
    await intake.consume(twice)
    assert await intake.event_names() == ["case.opened", "contact.added"]


async def test_what_names_an_unknown_case_waits_for_it(intake: Intake) -> None:
    await intake.consume(intake.record("contact.reported", chat(CALL)))
    assert await intake.event_names() == []
    assert await intake.dead_letters() == []
    await intake.consume(intake.record("case.reported", report_body()))
    await intake.entities.db.execute("UPDATE foreign_waiting SET retry_at = clock_timestamp()")
    await intake.patience.step()
    assert await intake.event_names() == ["case.opened", "contact.added"]


async def test_what_was_put_off_before_the_clock_was_set_back_is_tried(intake: Intake) -> None:
    await intake.consume(intake.record("contact.reported", chat(CALL)))
    await intake.consume(intake.record("case.reported", report_body()))
    later = "UPDATE foreign_waiting SET retry_at = clock_timestamp() + interval '2 minutes'"
    await intake.entities.db.execute(later)
    await intake.patience.step()
    assert await intake.event_names() == ["case.opened", "contact.added"]


async def test_a_wait_in_vain_ends_by_the_time_of_its_tries(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither downtime nor the database's clock shortens it."""
    now_s = [0.0]
    monkeypatch.setattr(intake.patience, "_seconds", lambda: now_s[0])

    async def try_again() -> list[str]:
        await intake.entities.db.execute("UPDATE foreign_waiting SET retry_at = clock_timestamp()")
        await intake.patience.step()
        return [row["reason"] for row in await intake.dead_letters()]

    await intake.consume(intake.record("contact.reported", chat(CALL)))
    await intake.entities.db.execute("UPDATE foreign_waiting SET at = at - interval '1 day'")
    assert await try_again() == []
    now_s[0] = 59.0
    assert await try_again() == []
    now_s[0] = 61.0
    assert await try_again() == ["unknown_case"]


async def test_a_bad_message_is_a_dead_letter_and_the_batch_goes_on(intake: Intake) -> None:
    await intake.consume(
        intake.record("case.reported", b"\xff\xfe not json"),
        intake.record("case.reported", [1]),
        intake.record("case.reported", report_body(category="nonsense")),
        intake.record("case.reported", report_body(occurred_at="2027-01-01T00:00:00Z")),
        intake.record("case.reported", report_body(facts={"x": "\ud800"})),
        intake.record("case.danced", {}),
        intake.record("fact.reported", {"case": {"source": "x"}, "facts": {}}),
        intake.record("case.reported", report_body()),
    )
    reasons = sorted((row["reason"], row["detail"]) for row in await intake.dead_letters())
    assert [reason for reason, _ in reasons] == [
        "invalid_value",
        "invalid_value",
        "invalid_value",
        "not_an_object",
        "not_json",
        "occurred_in_the_future",
        "unknown_type",
    ]
    assert ("invalid_value", "/category: enum") in reasons
    assert await intake.event_names() == ["case.opened"]


async def test_a_case_may_be_named_by_its_id(intake: Intake) -> None:
    case_id = (await intake.post("", report_body())).json()["id"]
    await intake.consume(
        intake.record("contact.reported", chat({"case_id": case_id})),
        intake.record("contact.reported", chat({"case_id": str(uuid4())})),
    )
    assert await intake.event_names() == ["case.opened", "contact.added"]


async def test_an_inbound_contact_answers_the_question(intake: Intake) -> None:
    case_id = (await intake.post("", report_body())).json()["id"]
    await intake.order(case_id, "ask_customer", text="?", facts=["bank"])
    await intake.consume(intake.record("contact.reported", chat(CALL)))
    assert (await intake.get(f"/{case_id}"))["status"] == "open"
    assert (await intake.event_names())[-2:] == ["contact.added", "customer.answered"]
