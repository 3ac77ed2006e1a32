"""How late timers are: cases whose clocks run out one after the other, at an even pace.

Escalation and intake run as processes (intake for its heartbeats). Twice measured: when it was
decided, as the journal of firings says, and when the event that tells of it reached the broker.
The baseline sleeps until the next instant, claims by SKIP LOCKED and writes that it did.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from benchmarks.answers import answers
from benchmarks.ground import Place
from benchmarks.measurement import Better, NotMeasured, Row, Samples, percentile
from benchmarks.open_cases import FIRST_RESPONSE, OpenCases
from schemas.topics import ESCALATIONS
from services.kit.db import Database

_AHEAD: Final = timedelta(seconds=8)
"""How long before the first instant the processes are ready and the clock begins to run."""
_FIRED: Final = """SELECT case_id, due_at, lateness_ms FROM firing
WHERE what = 'first_response' AND due_at BETWEEN $1 AND $2"""
_TABLE: Final = """CREATE TABLE bare_due (id bigint PRIMARY KEY, wake_at timestamptz);
CREATE INDEX bare_due_wake ON bare_due (wake_at) WHERE wake_at IS NOT NULL"""
_ROWS: Final = """INSERT INTO bare_due SELECT n, clock_timestamp() + interval '1 day'
FROM generate_series(1, $1) n"""
_DUE: Final = """INSERT INTO bare_due
SELECT -n, clock_timestamp() + interval '1 second' * (1 + n / $2::float8)
FROM generate_series(1, $1) n"""
_NEXT: Final = """SELECT min(wake_at) AS at, clock_timestamp() AS now FROM bare_due
WHERE wake_at IS NOT NULL"""
_TAKE: Final = """WITH due AS (SELECT id, wake_at FROM bare_due WHERE wake_at <= clock_timestamp()
    ORDER BY wake_at LIMIT 500 FOR UPDATE SKIP LOCKED)
UPDATE bare_due b SET wake_at = NULL FROM due WHERE b.id = due.id
RETURNING extract(epoch FROM clock_timestamp() - due.wake_at)::float8 * 1000 AS late_ms"""


async def measure(
    place: Place, cases: OpenCases, starts: Sequence[datetime], open_cases: int
) -> Sequence[Row]:
    """Lateness of the cases begun at `starts`, which are open already, in milliseconds."""
    bare = await _bare(cases.entities.db, open_cases, starts)
    decided, published = await _ours(place, cases, starts)
    return [
        Row(
            f"lateness of timers, {open_cases} open cases, until {said}, p{percent}",
            "ms",
            percentile(late, percent),
            "sleep until due, SKIP LOCKED + UPDATE",
            percentile(bare, percent),
            Better.LOWER,
        )
        for said, late in (("decided", decided), ("told to Kafka", published))
        for percent in (50, 99)
    ]


async def _ours(
    place: Place, cases: OpenCases, starts: Sequence[datetime]
) -> tuple[Samples, Samples]:
    dues = [at + FIRST_RESPONSE for at in starts]
    async with place.service("intake"), place.service("escalation"):
        began = dues[0] - _AHEAD
        await cases.go_to(began, running=True)
        real = time.time()
        await asyncio.sleep((dues[-1] - began).total_seconds() + 3)
        rows = await cases.entities.db.fetch(_FIRED, dues[0], dues[-1])
    if len(rows) != len(dues):
        raise NotMeasured(f"{len(rows)} of {len(dues)} timers fired")
    due_at = {
        str(row["case_id"]).encode(): real + (row["due_at"] - began).total_seconds() for row in rows
    }
    told = await _told(place, due_at)
    return Samples.of(row["lateness_ms"] for row in rows), told


async def _told(place: Place, due_at: dict[bytes, float]) -> Samples:
    """Milliseconds from each due instant until the broker had the event that tells of it."""
    partitions = place.broker.profile.partitions
    async with answers(place.broker.bootstrap, place.prefix + ESCALATIONS, partitions) as found:
        wanted = set(due_at)
        deadline = time.monotonic() + 60
        while wanted - found.sent_of.keys() and time.monotonic() < deadline:
            await found.look()
    return Samples.of(
        1000 * (found.sent_of[key] - at) for key, at in due_at.items() if key in found.sent_of
    )


async def _bare(db: Database, amount: int, starts: Sequence[datetime]) -> Samples:
    """The bare loop over a table of as many rows, with as many due, at the same pace."""
    await db.execute(_TABLE)
    await db.execute(_ROWS, amount)
    per_s = (len(starts) - 1) / (starts[-1] - starts[0]).total_seconds()
    await db.execute(_DUE, len(starts), per_s)
    late: list[float] = []
    while len(late) < len(starts):
        row = await db.fetchrow(_NEXT)
        if row is None or row["at"] is None:
            raise NotMeasured("the bare table has nothing due")
        await asyncio.sleep(max(0.0, (row["at"] - row["now"]).total_seconds()))
        late += [row["late_ms"] for row in await db.fetch(_TAKE)]
    await db.execute("DROP TABLE bare_due")
    return Samples.of(late)
