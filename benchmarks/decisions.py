"""The pure core: decisions per second, and how much an open case weighs.

A decision here is a missed first response: read the stored document, decide, and have the new one.
The baseline reads and writes the same document and decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid5

from benchmarks.ground import Ground
from benchmarks.lives import opening, subject_of
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.open_cases import FIRST_RESPONSE, OPENED_AT, opened
from benchmarks.sizes import Sizes
from schemas.case import PackPin
from services.escalation.core.engine import decide_event, decide_wake
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.state import read_state, write_state
from services.kit.db import Database
from services.packs import DEFAULT_PACK, load_pack

_REAL: Final = datetime(2026, 11, 20, tzinfo=UTC)
_DUE: Final = OPENED_AT + FIRST_RESPONSE
_BYTES: Final = """SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r'"""
_BARE: Final = """CREATE TABLE bare_case (id uuid PRIMARY KEY, rung int NOT NULL,
due_at timestamptz NOT NULL)"""
_BARE_ROWS: Final = """INSERT INTO bare_case
SELECT gen_random_uuid(), 1, now() FROM generate_series(1, $1)"""


def measure_core(sizes: Sizes) -> Sequence[Row]:
    """Decisions per second on one core, without any database."""
    pack = load_pack(DEFAULT_PACK)
    policy = compile_policy(pack.pack, pack.digest)
    document = _opened_document(policy)
    ours, bare = [], []
    for _ in range(sizes.repetitions):
        ours.append(_rate(lambda: _decide(document, policy), sizes.decisions))
        bare.append(_rate(lambda: write_state(read_state(document)), sizes.decisions))
    return [
        Row(
            "decisions of the core (a missed clock, one rung)",
            "/s",
            Samples.of(ours),
            "read and write the document",
            Samples.of(bare),
            Better.HIGHER,
        )
    ]


async def measure_weight(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Bytes in PostgreSQL per open case, with its log, queue line and indexes."""
    async with opened(await ground.place()) as cases:
        before = await _bytes(cases.entities.db)
        await cases.open(range(sizes.open_cases), [OPENED_AT] * sizes.open_cases)
        ours = (await _bytes(cases.entities.db) - before) / sizes.open_cases
        await cases.entities.db.execute(_BARE)
        empty = await _bytes(cases.entities.db)
        await cases.entities.db.execute(_BARE_ROWS, sizes.open_cases)
        bare = (await _bytes(cases.entities.db) - empty) / sizes.open_cases
    what = "an open case in escalation's schema, all tables and indexes"
    name = "a bare row of id, rung, due"
    return [Row(what, "bytes", Samples.of([ours]), name, Samples.of([bare]), Better.LOWER)]


def _opened_document(policy: Policy) -> bytes:
    pin = PackPin(name=policy.pack.name, version=policy.pack.version, digest=policy.digest)
    case_id = uuid5(UUID(int=1), "case")
    decision = decide_event(
        None,
        opening(subject_of(1), pin, OPENED_AT),
        event_id=uuid5(case_id, "opened"),
        recorded_at=OPENED_AT,
        policy=policy,
        now=OPENED_AT,
        case_id=case_id,
    )
    return decision.document


def _decide(document: bytes, policy: Policy) -> None:
    state = read_state(document)
    decision = decide_wake(state, policy, _DUE, real_now=_REAL, stale=False, lateness_ms=0)
    if not decision.events:
        raise NotMeasured("the wake-up decided nothing")


def _rate(once: Callable[[], object], amount: int) -> float:
    began = time.perf_counter()
    for _ in range(amount):
        once()
    return amount / (time.perf_counter() - began)


async def _bytes(db: Database) -> float:
    row = await db.fetchrow(_BYTES)
    return float(row["bytes"]) if row else 0.0
