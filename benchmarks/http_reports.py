"""Reports by HTTP, straight to intake: a 201 says that case, event and identity are durable.

Per second, and the slowest hundredth of the answers. Two baselines: the rows of one report inserted
in one transaction each, with asyncpg alone over 16 sessions; and the framework alone, which reads
the report with the same model and writes nothing.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg

from benchmarks import complaints, load
from benchmarks.ground import Ground, bare_environment
from benchmarks.measurement import Better, NotMeasured, Row, Samples, percentile
from benchmarks.sizes import Sizes
from benchmarks.spawn import spawned
from services.local.ports import free_port

_PATH: Final = "/v1/cases"
_SESSIONS: Final = 16
_BARE: Final = "the same rows, asyncpg alone, one transaction each"
_FRAMEWORK: Final = "FastAPI alone, nothing written"
_COPIES: Final = """
CREATE TABLE bare_entity (LIKE intake.entity INCLUDING ALL);
CREATE TABLE bare_log (LIKE intake.log INCLUDING ALL);
CREATE TABLE bare_unpublished (LIKE intake.unpublished INCLUDING ALL);
CREATE SEQUENCE bare_pos"""
_TEMPLATE: Final = """
SELECT e.subject, e.state, l.topic, l.type, l.value, l.id
FROM intake.log l JOIN intake.entity e ON e.id = l.entity LIMIT 1"""
_INSERT: Final = """
WITH drawn AS (SELECT nextval('bare_pos') AS pos, clock_timestamp() AS at),
entity AS (INSERT INTO bare_entity (id, subject, o1, state, last_at) SELECT $1, $2, 1, $3, at FROM drawn),
log AS (INSERT INTO bare_log (pos, at, topic, entity, seq, id, type, after, recordedat, prevhash, value)
    SELECT pos, at, $4, $1, 1, $1, $5, '', at, '', $6 FROM drawn)
INSERT INTO bare_unpublished (pos, at) SELECT pos, at FROM drawn"""  # noqa: E501


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Rates, and the slowest hundredth, with one caller, with 16 and with 128."""
    amounts = {1: sizes.reports_one_by_one, 16: sizes.reports_at_once, 128: sizes.reports_of_many}
    place = await ground.place()
    async with place.service("intake") as intake:
        await load.put(intake.port, _PATH, _bodies("warm", 100), 4)
        ours = await _loads(intake.port, amounts, sizes.repetitions)
    bare = await _inserts(place.admin_dsn, amounts, sizes.repetitions)
    framework = await _framework(ground, amounts, sizes.repetitions)
    return [
        row
        for callers in amounts
        for name, others in ((_BARE, bare[callers]), (_FRAMEWORK, framework[callers]))
        for row in _rows(callers, ours[callers], name, others)
    ]


async def _loads(
    port: int, amounts: dict[int, int], repetitions: int
) -> dict[int, list[load.Load]]:
    return {
        callers: [
            await load.put(port, _PATH, _bodies(f"{callers}.{turn}", amount), callers)
            for turn in range(repetitions)
        ]
        for callers, amount in amounts.items()
    }


def _bodies(run: str, amount: int) -> list[bytes]:
    return [complaints.report(run, number) for number in range(amount)]


def _rows(callers: int, ours: list[load.Load], name: str, others: list[load.Load]) -> list[Row]:
    what = f"reports by HTTP, {callers} caller{'s' if callers > 1 else ''}"
    rates, slowest = (
        [[one.rate for one in loads] for loads in (ours, others)],
        [[_p99(one) for one in loads] for loads in (ours, others)],
    )
    return [
        Row(what, "/s", Samples.of(rates[0]), name, Samples.of(rates[1]), Better.HIGHER),
        Row(
            f"{what}, p99", "ms", Samples.of(slowest[0]), name, Samples.of(slowest[1]), Better.LOWER
        ),
    ]


def _p99(of: load.Load) -> float:
    return percentile(Samples.of(of.took_ms), 99).median


async def _inserts(
    dsn: str, amounts: dict[int, int], repetitions: int
) -> dict[int, list[load.Load]]:
    async with asyncpg.create_pool(dsn, min_size=_SESSIONS, max_size=_SESSIONS) as pool:
        await pool.execute(_COPIES)
        template = await pool.fetchrow(_TEMPLATE)
        if template is None:
            raise NotMeasured("intake wrote nothing to copy")
        return {
            callers: [
                await _insert_load(pool, template, amount, callers) for _ in range(repetitions)
            ]
            for callers, amount in amounts.items()
        }


async def _insert_load(pool: asyncpg.Pool, template: Any, amount: int, callers: int) -> load.Load:
    ids = iter([uuid4() for _ in range(amount)])
    took_ms: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_inserter(pool, template, ids, took_ms) for _ in range(callers)))
    return load.Load(amount / (time.perf_counter() - began), tuple(took_ms))


async def _inserter(
    pool: asyncpg.Pool, template: Any, ids: Iterator[UUID], took_ms: list[float]
) -> None:
    """Each caller waits for one of the pool's sessions, as in a service, and for its commit."""
    rest = (template["subject"], template["state"], template["topic"], template["type"])
    for id in ids:
        began = time.perf_counter()
        await pool.execute(_INSERT, id, *rest, template["value"])
        took_ms.append(1000 * (time.perf_counter() - began))


async def _framework(
    ground: Ground, amounts: dict[int, int], repetitions: int
) -> dict[int, list[load.Load]]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare", "report", str(port)]
    log = ground.folder / "report.log"
    async with spawned(command, bare_environment(), port, log=log):
        await load.put(port, _PATH, _bodies("warm", 100), 4)
        return await _loads(port, amounts, repetitions)
