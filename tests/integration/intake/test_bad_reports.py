"""Every class of bad input, by both roads: named by HTTP, a dead letter by Kafka; work goes on."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable

from services.kit.wire import StoredRecord
from tests.support.bad_reports import (
    BODIES,
    CLOUD_EVENT,
    ENVELOPES,
    GOOD,
    HEADERS,
    Bad,
    Headers,
    structured,
)
from tests.support.cases import report_body
from tests.support.intake import Intake
from tests.support.memory import GROWTH_BYTES, resident_bytes

_ROUNDS = 20


def record(number: int, value: bytes | None, headers: Headers | None = None) -> StoredRecord:
    fine = HEADERS["an id twice"][:5] if headers is None else headers
    named = [(n, f"m{number}".encode() if headers is None and n == "ce_id" else v) for n, v in fine]
    return StoredRecord("reports", 0, number, f"k{number}".encode(), value, named)


async def post(intake: Intake, bad: Bad) -> None:
    """Send it; the answer must say what it says in the table, and quote nothing."""
    headers = {"content-type": bad.content_type} if bad.content_type else {}
    answer = await intake.client.post("/v1/cases", content=bad.raw, headers=headers)
    assert answer.status_code == bad.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == bad.status
    if bad.status == 413:
        return
    pointers = [error["pointer"] for error in problem["errors"]]
    assert bad.pointer in pointers or any(p.startswith(bad.pointer + "/") for p in pointers)
    assert all(error["detail"] for error in problem["errors"])


async def test_by_http_the_field_is_named(intake: Intake) -> None:
    for name, bad in BODIES.items():
        try:
            await post(intake, bad)
        except AssertionError as error:
            raise AssertionError(name) from error
    assert await intake.event_names() == []


async def takes_the_good_and_buries_the_bad(
    intake: Intake, made: Callable[[int, bytes], StoredRecord]
) -> None:
    """Each bad body between two good ones, `made` into a record each."""
    bodies = {name: bad for name, bad in BODIES.items() if bad.kafka}
    records = []
    for number, bad in enumerate(bodies.values()):
        good = json.dumps(report_body(external_id=f"good-{number}")).encode()
        records += [made(2 * number, bad.raw), made(2 * number + 1, good)]
    await intake.consume(*records)
    rows = await intake.entities.db.fetch("SELECT offset_, reason, detail FROM dead_letter")
    found = {row["offset_"] // 2: (row["reason"], row["detail"]) for row in rows}
    wanted = {number: bad.reason for number, bad in enumerate(bodies.values())}
    assert {number: reason for number, (reason, _) in found.items()} == wanted
    for number, (name, bad) in enumerate(bodies.items()):
        assert bad.pointer in found[number][1], name
    rows = await intake.entities.db.fetch("SELECT count(*) AS n FROM case_identity")
    assert rows[0]["n"] == len(bodies)


async def test_by_kafka_each_is_a_dead_letter_and_the_others_are_taken(intake: Intake) -> None:
    await takes_the_good_and_buries_the_bad(intake, record)


async def test_structured_mode_is_read_as_strictly(intake: Intake) -> None:
    await takes_the_good_and_buries_the_bad(
        intake, lambda number, body: event(number, structured(body, f"m{number}"))
    )


async def test_headers_that_are_no_event_are_dead_letters(intake: Intake) -> None:
    # An id of its own for each: one that was taken hides those that come after it.
    records = [
        record(n, GOOD, [(h, b"h%d" % n if raw == b"m" else raw) for h, raw in headers])
        for n, headers in enumerate(HEADERS.values())
    ]
    await intake.consume(*records, record(900, None), record(901, GOOD))
    rows = await intake.entities.db.fetch("SELECT offset_, reason, detail FROM dead_letter")
    found = {row["offset_"]: row["reason"] for row in rows}
    missed = [name for n, name in enumerate(HEADERS) if n not in found]
    assert missed == []
    assert found[900] == "tombstone"
    assert await intake.event_names() == ["case.opened"]


def event(number: int, value: bytes) -> StoredRecord:
    """A record in structured mode: the content type is its only header."""
    return record(number, value, [("content-type", CLOUD_EVENT.encode())])


async def test_structured_events_that_are_none_are_dead_letters(intake: Intake) -> None:
    records = [event(number, value) for number, (value, _) in enumerate(ENVELOPES.values())]
    await intake.consume(*records, event(900, structured(GOOD, "good")))
    rows = await intake.entities.db.fetch("SELECT offset_, reason FROM dead_letter")
    reasons = {row["offset_"]: row["reason"] for row in rows}
    assert reasons == {n: reason for n, (_, reason) in enumerate(ENVELOPES.values())}
    assert await intake.event_names() == ["case.opened"]


async def test_memory_does_not_grow(intake: Intake) -> None:
    async def everything(turn: int) -> None:
        for bad in BODIES.values():
            await post(intake, bad)
        kafka = [bad.raw + b" " * turn for bad in BODIES.values() if bad.kafka]
        await intake.consume(*(record(n, raw) for n, raw in enumerate(kafka)))

    await everything(0)
    gc.collect()
    before = resident_bytes(os.getpid())
    for turn in range(1, _ROUNDS):
        await everything(turn)
    gc.collect()
    assert resident_bytes(os.getpid()) - before < GROWTH_BYTES
    assert (await intake.post("", report_body())).status_code == 201
