"""The pure core: decisions per second, and how much an open case weighs.

A decision here is a missed first response: read the stored document, decide, and have the new one;
of one case over and over, and of cases that were each opened at another instant.
The baseline reads and writes the same document and decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from benchmarks.ground import Ground
from benchmarks.lives import opening, subject_of
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.open_cases import FIRST_RESPONSE, OPENED_AT, opened
from benchmarks.sizes import Sizes
from schemas.case import PackPin
from services.escalation.core.deadlines import forget_instants
from services.escalation.core.engine import decide_event, decide_wake
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.state import read_state, write_state
from services.kit.db import Database
from services.packs import DEFAULT_PACK, load_pack

_REAL: Final = datetime(2026, 11, 20, tzinfo=UTC)
_DUE: Final = OPENED_AT + FIRST_RESPONSE
_APART: Final = timedelta(minutes=5)
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
    document = _opened_document(policy, OPENED_AT)
    again, others, bare = [], [], []
    for repetition in range(sizes.repetitions):
        again.append(_rate(lambda: _decide(document, _DUE, policy), sizes.decisions))
        others.append(_rate_of_others(policy, sizes.decisions, repetition))
        bare.append(_rate(lambda: write_state(read_state(document)), sizes.decisions))
    what = "decisions of the core (a missed clock, one rung)"
    name = "read and write the document"
    return [
        Row(of, "/s", Samples.of(ours), name, Samples.of(bare), Better.HIGHER)
        for of, ours in ((what, again), (f"{what}, each case of another instant", others))
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


def _rate_of_others(policy: Policy, amount: int, repetition: int) -> float:
    """The rate where no decision finds instants that an earlier one worked out."""
    first = OPENED_AT + (1 + repetition) * _APART
    starts = [first + number * (_APART / amount) for number in range(amount)]
    waiting = [(_opened_document(policy, at), at + FIRST_RESPONSE) for at in starts]
    # Opening them has worked their instants out, too.
    forget_instants()
    return _rate(lambda: _decide(*waiting.pop(), policy), amount)


def _opened_document(policy: Policy, at: datetime) -> bytes:
    pin = PackPin(name=policy.pack.name, version=policy.pack.version, digest=policy.digest)
    case_id = uuid5(UUID(int=1), "case")
    decision = decide_event(
        None,
        opening(subject_of(1), pin, at),
        event_id=uuid5(case_id, "opened"),
        recorded_at=at,
        policy=policy,
        now=at,
        case_id=case_id,
    )
    return decision.document


def _decide(document: bytes, now: datetime, policy: Policy) -> None:
    state = read_state(document)
    decision = decide_wake(state, policy, now, real_now=_REAL, stale=False, lateness_ms=0)
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
