"""What rests in the database: nothing personal in clear, and every statement fits the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from services.intake.store import QUERIES
from tests.support.cases import report_body
from tests.support.intake import TEN, Intake, everything_stored

SECRETS = {
    "customer id": "cust-planted-1001",
    "name": "planted 张三丰",
    "email": "planted.customer@example.com",
    "phone": "+8613899990000",
    "transaction": "tx-planted-5567",
    "counterparty": "planted-merchant",
    "text": "planted 对方没有收到",
    "agent": "planted 李四光",
    "external id": "planted-call-778",
    "source": "planted-centre",
    "fact": "planted-fact-value",
    "reply": "planted reply",
    "outcome": "planted outcome",
    "file": "planted receipt content",
    "file name": "planted-file-name",
    "wording": "planted wording",
    "party": "planted bank",
    "method": "planted method",
    "incident": "planted outage",
    "update": "planted news",
    "translation": "planted 消息",
}


async def busy(intake: Intake) -> None:
    """Plant every secret by every road."""
    body = report_body(
        source=SECRETS["source"],
        external_id=SECRETS["external id"],
        description=SECRETS["text"],
        customer={
            "id": SECRETS["customer id"],
            "name": SECRETS["name"],
            "email": SECRETS["email"],
            "phone": SECRETS["phone"],
        },
        contact=_contact(),
        transaction={"id": SECRETS["transaction"], "counterparty": SECRETS["counterparty"]},
        facts={"bank": SECRETS["fact"]},
    )
    answer = await intake.post("", body, **{"Idempotency-Key": "k1"})
    case_id = answer.json()["id"]
    await intake.post(f"/{case_id}/contacts", _contact(), **{"Idempotency-Key": "k2"})
    await intake.order(case_id, "verify_identity", method=SECRETS["method"])
    await intake.order(case_id, "reply", text=SECRETS["reply"], channel="chat")
    await intake.order(case_id, "consent", to="social", wording=SECRETS["wording"], given=True)
    await intake.order(case_id, "wait_third_party", party=SECRETS["party"])
    await _an_incident_of(intake, case_id)
    await intake.client.post(
        f"/v1/cases/{case_id}/evidence",
        files={"file": (SECRETS["file name"], SECRETS["file"].encode())},
    )
    done = await intake.order(case_id, "resolve", outcome=SECRETS["outcome"])
    assert done.status_code == 200
    address = {"source": SECRETS["source"], "external_id": SECRETS["external id"]}
    waiting = {"source": SECRETS["source"], "external_id": "planted-unknown"}
    await intake.consume(
        intake.record("fact.reported", {"case": address, "facts": {"b": SECRETS["fact"]}}),
        intake.record("fact.reported", {"case": waiting, "facts": {"b": SECRETS["fact"]}}),
        intake.record("case.reported", {**body, "category": SECRETS["text"]}),
        intake.record("case.reported", f'{{"{SECRETS["text"]}'.encode()),
    )
    assert len(await intake.dead_letters()) == 2


async def _an_incident_of(intake: Intake, case_id: str) -> None:
    by = {"role": "supervisor", "id": "S1001", "name": SECRETS["agent"]}
    words = {
        "text": SECRETS["update"],
        "translations": {"zh": SECRETS["translation"]},
        "by": by,
    }
    begun = await intake.client.post(
        "/v1/incidents",
        json={"title": SECRETS["incident"], **words},
        headers={"Idempotency-Key": "k3"},
    )
    path = f"/v1/incidents/{begun.json()['id']}"
    assert (await intake.client.put(f"{path}/cases/{case_id}", json={"by": by})).status_code == 200
    assert (await intake.client.post(f"{path}/updates", json=words)).status_code == 201
    await intake.tell_all()


def _contact() -> dict[str, Any]:
    agent = {"name": SECRETS["agent"], "staff_number": "A1024"}
    return {"channel": "phone", "agent": agent, "summary": SECRETS["text"]}


async def test_nothing_personal_rests_in_clear(intake: Intake, dsns: Mapping[str, str]) -> None:
    await busy(intake)
    stored = await everything_stored(dsns["admin"])
    assert sum(map(len, stored.values())) > 200
    assert stored['"intake"."evidence_object"']
    leaks = [
        (table, what)
        for table, cells in stored.items()
        for what, secret in SECRETS.items()
        for form in (secret.encode(), ascii(secret)[1:-1].encode(), secret.encode().hex().encode())
        if any(form in cell for cell in cells)
    ]
    assert leaks == []


async def test_the_scan_would_find_a_leak(intake: Intake, dsns: Mapping[str, str]) -> None:
    await intake.entities.db.execute(
        "INSERT INTO policy VALUES ('sha256:x', 'planted-name', '1', '{}')"
    )
    stored = await everything_stored(dsns["admin"])
    assert b"planted-name" in stored['"intake"."policy"']


async def test_every_statement_fits_the_schema(intake: Intake) -> None:
    async with intake.entities.db.transaction() as connection:
        for name in QUERIES:
            assert await connection.prepare(QUERIES[name]), name


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [
        ("known", ([b"k" * 32], [b"m" * 32])),
        ("search_by_key", (b"k" * 32, TEN, UUID(int=0), [b"o" * 32], None, None, None, 51)),
        ("search_by_status", ("open", TEN, UUID(int=0), None, None, 51)),
        ("search", (TEN, UUID(int=0), None, None, 51)),
        ("search", (TEN, UUID(int=0), None, TEN, 51)),
        ("list_incidents", (TEN, UUID(int=0), None, 51)),
        ("linked_cases", (UUID(int=1), UUID(int=0), 51)),
        ("untold_cases", (UUID(int=1), 2, 200)),
        ("claim_telling", ()),
    ],
)
async def test_searches_page_by_index_and_never_sort(
    intake: Intake, statement: str, arguments: tuple[Any, ...]
) -> None:
    async with intake.entities.db.transaction() as connection:
        # A table of a few rows would be read whole; what counts is that an index can serve.
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.fetch(f"EXPLAIN {QUERIES[statement]}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan


async def test_an_erased_customer_leaves_no_readable_case(intake: Intake) -> None:
    answer = await intake.post("", report_body())
    case_id = answer.json()["id"]
    subject = intake.entities.sealer.subject_of("customer", "cust-1001")
    assert await intake.entities.sealer.erase(subject)
    assert (await intake.client.get(f"/v1/cases/{case_id}")).status_code == 410
    again = await intake.post("", report_body())
    assert (again.status_code, again.json()["reason"]) == (409, "erased")
    assert await intake.event_names() == ["case.opened"]
