"""Reports by HTTP, straight to intake: a 201 says that case, event and identity are durable.

Two baselines: the rows of one report inserted in one transaction each, with asyncpg alone; and the
framework alone, which reads the report with the same model and writes nothing.
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
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.sizes import Sizes
from benchmarks.spawn import spawned
from services.local.ports import free_port

_PATH: Final = "/v1/cases"
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
    """Rates with one caller and with sixteen."""
    amounts = {1: sizes.reports_one_by_one, 16: sizes.reports_at_once}
    place = await ground.place()
    async with place.service("intake") as intake:
        await load.rate(intake.port, _PATH, _bodies("warm", 100), 4)
        ours = {
            callers: [
                await load.rate(intake.port, _PATH, _bodies(f"{callers}.{turn}", amount), callers)
                for turn in range(sizes.repetitions)
            ]
            for callers, amount in amounts.items()
        }
    bare = await _inserts(place.admin_dsn, amounts, sizes.repetitions)
    framework = await _framework(ground, amounts, sizes.repetitions)
    return [
        row
        for callers in amounts
        for row in (
            _row(callers, ours[callers], "the same rows, asyncpg alone", bare[callers]),
            _row(callers, ours[callers], "FastAPI alone, nothing written", framework[callers]),
        )
    ]


def _bodies(run: str, amount: int) -> list[bytes]:
    return [complaints.report(run, number) for number in range(amount)]


def _row(callers: int, ours: list[float], name: str, bare: list[float]) -> Row:
    what = f"reports by HTTP, {callers} caller{'s' if callers > 1 else ''}"
    return Row(what, "/s", Samples.of(ours), name, Samples.of(bare), Better.HIGHER)


async def _inserts(dsn: str, amounts: dict[int, int], repetitions: int) -> dict[int, list[float]]:
    async with asyncpg.create_pool(dsn, min_size=16, max_size=16) as pool:
        await pool.execute(_COPIES)
        template = await pool.fetchrow(_TEMPLATE)
        if template is None:
            raise NotMeasured("intake wrote nothing to copy")
        return {
            callers: [
                await _insert_rate(pool, template, amount, callers) for _ in range(repetitions)
            ]
            for callers, amount in amounts.items()
        }


async def _insert_rate(pool: asyncpg.Pool, template: Any, amount: int, callers: int) -> float:
    ids = iter([uuid4() for _ in range(amount)])
    began = time.perf_counter()
    await asyncio.gather(*(_inserter(pool, template, ids) for _ in range(callers)))
    return amount / (time.perf_counter() - began)


async def _inserter(pool: asyncpg.Pool, template: Any, ids: Iterator[UUID]) -> None:
    async with pool.acquire() as connection:
        rest = (template["subject"], template["state"], template["topic"], template["type"])
        for id in ids:
            await connection.execute(_INSERT, id, *rest, template["value"])


async def _framework(
    ground: Ground, amounts: dict[int, int], repetitions: int
) -> dict[int, list[float]]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare", "report", str(port)]
    log = ground.folder / "report.log"
    async with spawned(command, bare_environment(), port, log=log):
        await load.rate(port, _PATH, _bodies("warm", 100), 4)
        return {
            callers: [
                await load.rate(port, _PATH, _bodies(f"{turn}", amount), callers)
                for turn in range(repetitions)
            ]
            for callers, amount in amounts.items()
        }
