"""What is older than its class is kept goes; what an open case needs stays, however old."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError

from services.kit.clinic import Clinic
from services.kit.faults import Refused
from services.kit.retention.chore import Retention
from services.kit.retention.classes import QUERIES, DataClass, kit_classes
from services.kit.settings import Settings
from services.kit.unit import Entities
from tests.integration.kit.test_repair import consumer_of, written
from tests.support import kit
from tests.support.matrix import PEOPLE, report
from tests.support.town import Town, town

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def settings(**changes: Any) -> Settings:
    """Settings with the periods as they ship."""
    needed = {"kafka_bootstrap": "nowhere:1", "keys_dsn": "", "database_dsn": ""}
    return Settings(**{**needed, "master_key": SecretStr(""), **changes})


def chore(found: Entities, more: Sequence[DataClass] = ()) -> Retention:
    return Retention(found, (*kit_classes(found.db, found.sealer, settings()), *more))


async def _count(found: Entities, table: str, where: str = "true") -> int:
    row = await found.db.fetchrow(f"SELECT count(*) AS n FROM {table} WHERE {where}")
    assert row is not None
    return int(row["n"])


async def test_answers_and_marks_go_by_their_age(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER) as found:
        await found.db.execute(
            "INSERT INTO foreign_seen (id, at) SELECT gen_random_uuid(), now() - interval '31 days'"
            " FROM generate_series(1, 1234)"
        )
        await found.db.execute("INSERT INTO foreign_seen (id) VALUES (gen_random_uuid())")
        await found.db.execute(
            "INSERT INTO idempotency (scope, key, request_hash, at) VALUES"
            " ('/', 'old', '', now() - interval '31 days'), ('/', 'new', '', now())"
        )
        before = {line["kept"]: line for line in await chore(found).report()}
        assert before["foreign_seen"]["due"] == 1234
        assert (before["answers"]["due"], before["log"]["days"]) == (1, None)
        await chore(found).step()
        assert await _count(found, "foreign_seen") == 1
        assert await _count(found, "idempotency", "key = 'new'") == 1
        assert await _count(found, "idempotency") == 1
        assert {line["due"] for line in await chore(found).report()} == {0}


async def test_a_letter_that_stops_a_case_keeps_its_bytes(dsns: dict[str, str]) -> None:
    case = UUID(int=5)
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as found:
        records = await written(writer, case, ["1", "2", "3"])
        sick = kit.Memory(poison="2")
        await consumer_of(found, sick).handle(records)
        stranger = "INSERT INTO dead_letter (hash, topic, part, offset_, reason, raw) VALUES"
        await found.db.execute(f"{stranger} ('\\x01', 'reports', 0, 1, 'not_json', '\\x01')")
        await found.db.execute("UPDATE dead_letter SET at = at - interval '31 days'")
        await chore(found).step()
        left = await found.db.fetch("SELECT * FROM dead_letter WHERE octet_length(raw) > 0")
        assert [row["entity"] for row in left] == [case]
        # What is left of the other is its reason and its name, by which it can be given up.
        clinic = Clinic(found, kit.reader(""), sick, None)
        assert {letter["reason"] for letter in await clinic.dead_letters()} > {"not_json"}
        for ask in (clinic.show, clinic.requeue):
            with pytest.raises(Refused, match="bytes_expired"):
                await ask("01")
        assert (await clinic.skip("01"))["settled"] == "skipped"
        # Settled, the bytes of the first one are needed no more; its case went on.
        await clinic.skip(left[0]["hash"].hex())
        await chore(found).step()
        assert await _count(found, "dead_letter", "octet_length(raw) > 0") == 0
        assert await _count(found, "dead_letter") == 2
        assert kit.heard_by(await found.read(case)) == ["1", "3"]


async def test_records_go_only_of_cases_whose_beginning_never_came(dsns: dict[str, str]) -> None:
    begun, never = UUID(int=5), UUID(int=6)
    async with kit.entities(dsns, kit.WRITER) as writer, kit.entities(dsns, kit.READER) as found:
        consumer = consumer_of(found, kit.Memory())
        of_begun = await written(writer, begun, ["1", "2", "3"])
        of_never = await written(writer, never, ["1", "2", "3"])
        await consumer.handle([of_begun[0], of_begun[2], *of_never[1:]])
        assert await _count(found, "parked") == 3
        await found.db.execute("UPDATE parked SET at = at - interval '181 days'")
        await chore(found).step()
        assert [row["entity"] for row in await found.db.fetch("SELECT * FROM parked")] == [begun]
        assert await _count(found, "entity", "parked > 0") == 1
        # All of it may still come: nothing is lost but the waiting.
        await consumer.handle([*of_never, of_begun[1]])
        assert kit.heard_by(await found.read(never)) == ["1", "2", "3"]
        assert kit.heard_by(await found.read(begun)) == ["1", "2", "3"]


async def test_readings_go_after_their_years(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER) as found:
        for days in (1095, 1097):
            await found.db.execute(
                "INSERT INTO audit (at, request, role, actor, route, shows)"
                " VALUES (now() - make_interval(days => $1), 'r', 'agent', 'A1', 'GET /', '{}')",
                days,
            )
        await chore(found).step()
        assert await _count(found, "audit") == 1


async def test_old_notes_of_fetched_keys_go_and_only_ones_own(dsns: dict[str, str]) -> None:
    keys = await asyncpg.connect(dsns["keys"])
    async with kit.entities(dsns, kit.READER) as found:
        await keys.execute(
            "INSERT INTO key_use (subject, service, hour) SELECT gen_random_uuid(), service, hour"
            " FROM unnest(ARRAY['escalation', 'intake']) AS service,"
            " unnest(ARRAY[now(), now() - interval '366 days']) AS hour"
        )
        report = {line["kept"]: line["due"] for line in await chore(found).report()}
        assert report["key_uses"] == 1
        await chore(found).step()
        left = await keys.fetch(
            "SELECT service, hour < now() - interval '1 day' AS old FROM key_use"
        )
        assert sorted((row["service"], row["old"]) for row in left) == [
            ("escalation", False),
            ("intake", False),
            ("intake", True),
        ]
    await keys.close()


def test_periods_that_would_break_a_promise_are_refused() -> None:
    assert settings(retention_audit_d=0).retention_audit_d == 0
    for wrong in ({"retention_audit_d": 89}, {"retention_foreign_seen_d": 7}):
        with pytest.raises(ValidationError):
            settings(**wrong)


@pytest.fixture
async def here(dsns: dict[str, str]) -> AsyncIterator[Town]:
    async with town(dsns) as made:
        yield made


async def _case(here: Town, whose: str) -> str:
    client, backend = here.clients["intake"], here.as_("backend", PEOPLE["backend"])
    made = await client.post("/v1/cases", json=report(whose), headers=backend)
    path = f"/v1/cases/{made.json()['id']}"
    file = {"file": ("receipt.png", _PNG)}
    sent = await client.post(f"{path}/evidence", files=file, headers=backend)
    assert sent.status_code == 201, sent.text
    return str(made.json()["id"])


async def _two_cases(here: Town) -> tuple[str, str]:
    """One that is over and one that is open, both of many years ago."""
    over, open_ = await _case(here, "own"), await _case(here, "foreign")
    withdraw = {
        "command": "withdraw",
        "reason": "found",
        "by": {"role": "customer", "id": "cust-own"},
    }
    path = f"/v1/cases/{over}/commands"
    headers = here.as_("customer", "cust-own")
    told = await here.clients["intake"].post(path, json=withdraw, headers=headers)
    assert told.status_code == 200, told.text
    await here.settle()
    for name in ("intake", "notifier"):
        db = here.houses[name].entities.db
        await db.execute("UPDATE entity SET last_at = last_at - interval '1827 days'")
    sent = "planned_at = planned_at - interval '1828 days'"
    await here.houses["notifier"].entities.db.execute(f"UPDATE delivery SET {sent}")
    return over, open_


async def test_files_go_with_cases_that_are_over(here: Town) -> None:
    over, open_ = await _two_cases(here)
    house = here.houses["intake"]
    before = [line for line in await _chore(here, "intake").report() if line["kept"] == "evidence"]
    assert [line["due"] for line in before] == [1]
    await _chore(here, "intake").step()
    left = await house.entities.db.fetch("SELECT case_id FROM evidence_object")
    assert [str(row["case_id"]) for row in left] == [open_]
    agent = here.as_("agent", "A1024")
    case = (await here.clients["intake"].get(f"/v1/cases/{over}", headers=agent)).json()
    path = f"/v1/cases/{over}/evidence/{case['evidence'][0]['sha256']}"
    assert (await here.clients["intake"].get(path, headers=agent)).status_code == 404


async def test_texts_go_with_cases_that_are_over(here: Town) -> None:
    over, open_ = await _two_cases(here)
    house = here.houses["notifier"]
    sent = "UPDATE delivery SET status = 'failed', reason = 'r', next_attempt_at = NULL"
    await house.entities.db.execute(f"{sent} WHERE status = 'planned'")
    await _chore(here, "notifier").step()
    left = await house.entities.db.fetch("SELECT * FROM delivery WHERE octet_length(body) > 0")
    assert {str(row["case_id"]) for row in left} == {open_}
    ops = here.as_("ops", "ops-1")
    query = {"case_id": over}
    told = await here.clients["notifier"].get("/v1/exports/notifier", params=query, headers=ops)
    (item,) = told.json()["items"]
    assert item["messages"]
    assert {message["text"] for message in item["messages"]} == {None}


def _chore(here: Town, name: str) -> Retention:
    house = here.houses[name]
    return chore(house.entities, house.parts.retention)


async def test_every_statement_of_retention_can_be_prepared(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER):
        connection = await asyncpg.connect(dsns["escalation"])
        for statement in QUERIES.values():
            await connection.prepare(statement)
        await connection.close()
