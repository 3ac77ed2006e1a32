"""Due rungs: every open case is due at once, and each must climb with all that belongs to it.

Full effect: the case's state, its rung row and queue line, its sealed, hashed events in the log,
durable. The baseline claims the same rows and only writes that they were claimed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from benchmarks.ground import Ground
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.open_cases import FIRST_RESPONSE, OPENED_AT, OpenCases, opened
from benchmarks.sizes import Sizes
from services.kit.db import Database
from services.kit.timers import Timers

_NEVER_STALE_S: Final = 1e9
_LIMIT: Final = 500
_COPY: Final = "CREATE TABLE bare_due (LIKE entity INCLUDING ALL)"
_FILL: Final = "INSERT INTO bare_due SELECT * FROM entity"
_CLAIM: Final = """SELECT id FROM bare_due WHERE wake_at <= $1 AND held_until IS NULL
ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED"""
_CLAIMED: Final = """UPDATE bare_due b SET wake_at = NULL FROM unnest($1::uuid[]) AS u(id)
WHERE b.id = u.id"""
_CLIMBED: Final = """SELECT
(SELECT count(*) FROM rung) AS rungs,
(SELECT count(*) FROM log WHERE topic = 'escalations' AND type LIKE '%rung.entered%') AS events"""


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Rungs per second of the timers' steps, one worker."""
    ours, bare = [], []
    for _ in range(sizes.repetitions):
        async with opened(await ground.place()) as cases:
            await cases.open(sizes.open_cases)
            due = OPENED_AT + FIRST_RESPONSE
            await cases.go_to(due)
            bare.append(await _claims(cases.entities.db, due, sizes.open_cases))
            ours.append(await _climbs(cases, sizes.open_cases))
    name = "SELECT .. SKIP LOCKED + UPDATE, nothing decided"
    what = f"due rungs, {sizes.open_cases} open cases all due"
    return [Row(what, "/s", Samples.of(ours), name, Samples.of(bare), Better.HIGHER)]


async def _claims(db: Database, due: datetime, amount: int) -> float:
    await db.execute(_COPY)
    await db.execute(_FILL)
    began, claimed = time.perf_counter(), 0
    while claimed < amount:
        async with db.transaction() as connection:
            rows = await connection.fetch(_CLAIM, due, _LIMIT)
            await connection.execute(_CLAIMED, [row["id"] for row in rows])
        if not rows:
            raise NotMeasured(f"only {claimed} of {amount} cases are due")
        claimed += len(rows)
    return amount / (time.perf_counter() - began)


async def _climbs(cases: OpenCases, amount: int) -> float:
    timers = Timers(cases.entities, cases.logic, stale_after_s=_NEVER_STALE_S, batch=_LIMIT)
    before = await _climbed(cases.entities.db)
    began = time.perf_counter()
    while timers.fired < amount:
        fired = timers.fired
        await timers.step()
        if timers.fired == fired:
            raise NotMeasured(f"only {fired} of {amount} cases fired")
    took_s = time.perf_counter() - began
    climbed = await _climbed(cases.entities.db) - before
    if climbed != {"rungs": amount, "events": amount}:
        raise NotMeasured(f"not every case climbed one rung with one event: {climbed}")
    return amount / took_s


async def _climbed(db: Database) -> Counter[str]:
    row = await db.fetchrow(_CLIMBED)
    return Counter({} if row is None else dict(row))
