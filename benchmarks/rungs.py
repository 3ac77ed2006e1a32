"""Due rungs among a great many open cases: each that is due must climb with all that belongs to it.

Full effect: the case's state, its journal entry, rung row and queue line, its hashed events in the
log, durable. The baseline claims as many cases of the same table, decides nothing, and writes only
that they were claimed. The kit alone writes a small state, a rung and one event for each.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from benchmarks.echo import WAKES_AGAIN
from benchmarks.ground import Place
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.open_cases import OpenCases
from benchmarks.workers import BATCH, Workers, workers
from services.kit.db import Database

_NUMBERS: Final = {1: "one worker", 2: "two workers"}
DUES: Final = 5
"""So many instants at which cases are due does one repetition need."""
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


async def measure(
    place: Place, cases: OpenCases, dues: Sequence[datetime], open_cases: int
) -> Sequence[Row]:
    """Rungs per second, and per CPU second of a worker, with one worker and with two.

    At each instant of `dues` some cases become due; the baseline and all workers take turns.
    """
    bare: list[_Rates] = []
    async with contextlib.AsyncExitStack() as parts:
        subjects = [
            await parts.enter_async_context(_subject(place, cases, number, kit_alone=kit_alone))
            for kit_alone in (False, True)
            for number in (1, 2)
        ]
        for first in range(0, len(dues), DUES):
            turn = dues[first : first + DUES]
            await cases.go_to(turn[0])
            bare.append(await _claims(cases.entities.db, turn[0]))
            for subject, due in zip(subjects, turn[1:], strict=True):
                await cases.go_to(due)
                await subject.measure(due)
    return [row for subject in subjects for row in subject.rows(open_cases, bare)]


@dataclass(slots=True)
class _Subject:
    """Who fires, and at which rates."""

    workers: Workers
    cases: OpenCases
    kit_alone: bool
    rates: list[_Rates] = field(default_factory=list)

    async def measure(self, due: datetime) -> None:
        """Have the cases fired that are due at an instant. Raises `NotMeasured`."""
        fire = _echoes if self.kit_alone else _climbs
        self.rates.append(await fire(self.cases, due, self.workers))

    def rows(self, open_cases: int, bare: Sequence[_Rates]) -> list[Row]:
        """What was measured, beside the baseline."""
        effect = "the kit alone" if self.kit_alone else "full effect"
        number = _NUMBERS[len(self.workers.processes)]
        return _rows(f"due rungs, {effect}, {open_cases} open cases, {number}", self.rates, bare)


@contextlib.asynccontextmanager
async def _subject(
    place: Place, cases: OpenCases, number: int, *, kit_alone: bool
) -> AsyncIterator[_Subject]:
    async with workers(place, number, kit_alone=kit_alone) as started:
        yield _Subject(started, cases, kit_alone)


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
            rows = await connection.fetch(_CLAIM, due, BATCH)
            await connection.execute(_CLAIMED, [row["id"] for row in rows])
        claimed += len(rows)
    took_s, used_s = time.perf_counter() - began, time.process_time() - cpu_s
    return amount / took_s, amount / used_s


async def _climbs(cases: OpenCases, due: datetime, firing: Workers) -> _Rates:
    db = cases.entities.db
    amount, before = await _due(db, due), await _counted(db, _CLIMBED)
    rates = await firing.fire(amount)
    climbed = await _counted(db, _CLIMBED) - before
    if climbed != dict.fromkeys(("rungs", "entries", "events"), amount):
        raise NotMeasured(f"not each of {amount} cases climbed one rung, once: {climbed}")
    return rates


async def _echoes(cases: OpenCases, due: datetime, firing: Workers) -> _Rates:
    """The second wake-up of each case is measured: the first leaves it the kit's own document."""
    db = cases.entities.db
    amount = await _due(db, due)
    await firing.fire(amount)
    await cases.go_to(due + WAKES_AGAIN)
    before = await _counted(db, _ECHOED)
    rates = await firing.fire(await _due(db, due + WAKES_AGAIN))
    echoed = await _counted(db, _ECHOED) - before
    if echoed != {"events": amount}:
        raise NotMeasured(f"not each of {amount} cases spoke once: {echoed}")
    return rates


async def _due(db: Database, due: datetime) -> int:
    row = await db.fetchrow(_DUE, due)
    if row is None or not row[0]:
        raise NotMeasured("nothing is due")
    return int(row[0])


async def _counted(db: Database, statement: str) -> Counter[str]:
    row = await db.fetchrow(statement)
    return Counter({} if row is None else dict(row))
