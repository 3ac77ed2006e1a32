"""Reports by Kafka: produced first, then consumed by intake until each is a durable case.

The rate is taken from the database's own times, after the first batch, so that neither start-up
nor the looking counts. The baseline is an aiokafka loop with one INSERT..UNNEST per batch.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Final

import asyncpg
from aiokafka import AIOKafkaProducer

from benchmarks import complaints
from benchmarks.ground import Ground, Place, bare_environment
from benchmarks.measurement import Better, NotMeasured, Row, Samples
from benchmarks.sizes import Sizes
from benchmarks.spawn import spawned
from schemas.topics import REPORTS
from services.local.ports import free_port

_TIMEOUT_S: Final = 300
_LOOK_EACH_S: Final = 0.2
_OURS: Final = "SELECT last_at AS at FROM intake.entity WHERE state IS NOT NULL"
_BARE: Final = "SELECT at FROM bare_report"
_TABLE: Final = """CREATE TABLE bare_report (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    body bytea NOT NULL, at timestamptz NOT NULL DEFAULT now())"""
_COUNT: Final = "SELECT count(*) FROM ({rows}) r"
_SPAN: Final = """WITH r AS ({rows}), ends AS (SELECT min(at) AS first, max(at) AS last FROM r)
SELECT count(*) FILTER (WHERE at > first) AS taken,
    extract(epoch FROM max(last) - min(first))::float8 AS span_s FROM r, ends"""


async def measure(ground: Ground, sizes: Sizes) -> Sequence[Row]:
    """Rates of intake and of the bare loop, each over topics of its own."""
    ours, bare = [], []
    for turn in range(sizes.repetitions):
        place = await ground.place()
        await _produce(place, f"{turn}", sizes.reports_by_kafka)
        async with place.service("intake"):
            ours.append(await _rate(place.admin_dsn, _OURS, sizes.reports_by_kafka))
        bare.append(await _bare_rate(ground, place, sizes.reports_by_kafka))
    name = "aiokafka loop, one INSERT..UNNEST per batch"
    what = f"reports by Kafka, {sizes.reports_by_kafka} waiting"
    return [Row(what, "/s", Samples.of(ours), name, Samples.of(bare), Better.HIGHER)]


async def _produce(place: Place, run: str, amount: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=place.broker.bootstrap, acks="all") as producer:
        futures = [
            await producer.send(
                place.prefix + REPORTS,
                complaints.report(run, number),
                key=f"{run}-{number}".encode(),
                headers=_headers(f"{run}-{number}"),
            )
            for number in range(amount)
        ]
        await asyncio.gather(*futures)


def _headers(message_id: str) -> list[tuple[str, bytes]]:
    texts = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_source": "bench",
        "ce_type": "case.reported",
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in texts.items()]


async def _bare_rate(ground: Ground, place: Place, amount: int) -> float:
    connection = await asyncpg.connect(place.admin_dsn)
    try:
        await connection.execute(_TABLE)
    finally:
        await connection.close()
    port = free_port()
    command = [
        *(sys.executable, "-m", "benchmarks.bare", "inserter", str(port)),
        *(place.broker.bootstrap, place.prefix + REPORTS, place.admin_dsn),
    ]
    async with spawned(command, bare_environment(), port, log=ground.folder / "inserter.log"):
        return await _rate(place.admin_dsn, _BARE, amount)


async def _rate(dsn: str, rows: str, amount: int) -> float:
    """Rows per second after the first batch, once all are there."""
    connection = await asyncpg.connect(dsn)
    try:
        deadline = time.monotonic() + _TIMEOUT_S
        while (found := await connection.fetchval(_COUNT.format(rows=rows))) < amount:
            if time.monotonic() > deadline:
                raise NotMeasured(f"only {found} of {amount} reports were taken")
            await asyncio.sleep(_LOOK_EACH_S)
        span = await connection.fetchrow(_SPAN.format(rows=rows))
    finally:
        await connection.close()
    if span is None or not span["taken"]:
        raise NotMeasured("all reports came in one batch: too few to measure a rate")
    return float(span["taken"] / span["span_s"])
