"""Due rungs among a great many open cases: each that is due must climb with all that belongs to it.

Full effect: the case's state, its journal entry, rung row and queue line, its hashed events in the
log, durable. The baseline claims as many cases of the same table, decides nothing, and writes only
that they were claimed. The kit alone writes a small state and one event for each, both sealed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from benchmarks.echo import WAKES_AGAIN, Echo
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.open_cases import OpenCases
from services.kit.db import Database
from services.kit.entities import Logic
from services.kit.runtime import calm_the_collector
from services.kit.timers import Timers

_NEVER_STALE_S: Final = 1e9
_LIMIT: Final = 500
_DUE: Final = "SELECT count(*) FROM entity WHERE wake_at <= $1 AND held_until IS NULL"
_CLAIM: Final = """SELECT id FROM entity WHERE wake_at <= $1 AND held_until IS NULL
ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED"""
_CLAIMED: Final = """UPDATE entity e SET wake_at = NULL FROM unnest($1::uuid[]) AS u(id)
WHERE e.id = u.id"""
_CLIMBED: Final = """SELECT
(SELECT count(*) FROM rung WHERE reason = 'first_response_missed') AS rungs,
(SELECT count(*) FROM journal WHERE kind = 'wake') AS entries,
(SELECT count(*) FROM log WHERE topic = 'escalations' AND type LIKE '%rung.entered%') AS events"""
_ECHOED: Final = "SELECT count(*) AS events FROM log WHERE type LIKE '%holder.changed%'"
_Rates = tuple[float, float]


async def measure(cases: OpenCases, dues: Sequence[datetime], open_cases: int) -> Sequence[Row]:
    """Rungs per second, and per CPU second, of one worker: the timers' steps in this process.

    Python's collector is set as in a service.

    At each instant of `dues` some cases become due; the baseline, the timers and the kit alone
    take turns.
    """
    ours, kit, bare = [], [], []
    for of_bare, of_ours, of_kit in zip(dues[::3], dues[1::3], dues[2::3], strict=True):
        await cases.go_to(of_bare)
        bare.append(await _claims(cases.entities.db, of_bare))
        await cases.go_to(of_ours)
        ours.append(await _climbs(cases, of_ours))
        await cases.go_to(of_kit)
        kit.append(await _echoes(cases, of_kit))
    what = f"{open_cases} open cases, one worker"
    return [
        *_rows(f"due rungs, full effect, {what}", ours, bare),
        *_rows(f"due rungs, the kit alone, {what}", kit, bare),
    ]


def _rows(what: str, ours: Sequence[_Rates], bare: Sequence[_Rates]) -> list[Row]:
    name = "SELECT .. SKIP LOCKED + UPDATE, nothing decided"
    return [
        Row(
            what,
            unit,
            Samples.of(rates[number] for rates in ours),
            name,
            Samples.of(rates[number] for rates in bare),
            Better.HIGHER,
        )
        for number, unit in enumerate(("/s", "/CPU s"))
    ]


async def _claims(db: Database, due: datetime) -> _Rates:
    amount, claimed = await _due(db, due), 0
    began, cpu_s = time.perf_counter(), time.process_time()
    while claimed < amount:
        async with db.transaction() as connection:
            rows = await connection.fetch(_CLAIM, due, _LIMIT)
            await connection.execute(_CLAIMED, [row["id"] for row in rows])
        claimed += len(rows)
    took_s, used_s = time.perf_counter() - began, time.process_time() - cpu_s
    return amount / took_s, amount / used_s


async def _climbs(cases: OpenCases, due: datetime) -> _Rates:
    db = cases.entities.db
    amount, before = await _due(db, due), await _counted(db, _CLIMBED)
    rates = await _fired(cases, cases.logic, amount)
    climbed = await _counted(db, _CLIMBED) - before
    if climbed != dict.fromkeys(("rungs", "entries", "events"), amount):
        raise NotMeasured(f"not each of {amount} cases climbed one rung, once: {climbed}")
    return rates


async def _echoes(cases: OpenCases, due: datetime) -> _Rates:
    """The second wake-up of each case is measured: the first leaves it the kit's own document."""
    db, echo = cases.entities.db, Echo()
    amount = await _due(db, due)
    await _fired(cases, echo, amount)
    await cases.go_to(due + WAKES_AGAIN)
    before = await _counted(db, _ECHOED)
    rates = await _fired(cases, echo, await _due(db, due + WAKES_AGAIN))
    echoed = await _counted(db, _ECHOED) - before
    if echoed != {"events": amount}:
        raise NotMeasured(f"not each of {amount} cases spoke once: {echoed}")
    return rates


async def _fired(cases: OpenCases, logic: Logic, amount: int) -> _Rates:
    calm_the_collector()
    timers = Timers(cases.entities, logic, stale_after_s=_NEVER_STALE_S, batch=_LIMIT)
    began, cpu_s = time.perf_counter(), time.process_time()
    while timers.fired < amount:
        fired = timers.fired
        await timers.step()
        if timers.fired == fired:
            raise NotMeasured(f"only {fired} of {amount} cases fired")
    took_s, used_s = time.perf_counter() - began, time.process_time() - cpu_s
    return amount / took_s, amount / used_s


async def _due(db: Database, due: datetime) -> int:
    row = await db.fetchrow(_DUE, due)
    if row is None or not row[0]:
        raise NotMeasured("nothing is due")
    return int(row[0])


async def _counted(db: Database, statement: str) -> Counter[str]:
    row = await db.fetchrow(statement)
    return Counter({} if row is None else dict(row))
