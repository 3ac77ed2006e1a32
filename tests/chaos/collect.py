"""Gathers the evidence at the end: waits for quiet, then reads everything that shows outside.

Owns which questions are asked. Judges nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from tests.chaos.evidence import Ack, Evidence, Json, events_on
from tests.chaos.judge import ENDED
from tests.chaos.world import World
from tests.support.topics import caught_up

_AT_ONCE = 8
_BACKLOG_S = 1800.0
_RETRIES_S = 400.0
"""The notifier's third try comes five minutes after the second."""


async def collect(
    home: World, seed: int, acks: Sequence[Ack], records: Sequence[Any], most_cases: int = 3000
) -> Evidence:
    """Everything, once nothing is in flight. `most_cases` bounds what is read one by one."""
    evidence = Evidence(seed=seed, acks=list(acks))
    await home.healed()
    if home.flowing_clock:
        await home.stand_still()
    evidence.outstanding = await quiet(home)
    await _know_cases(home, evidence, most_cases)
    await _notifications(home, evidence)
    if not evidence.outstanding:
        evidence.outstanding = await quiet(home)
    case_ids = sorted({case for cases in evidence.by_report.values() for case in cases})
    await _read_cases(home, case_ids, evidence)
    await caught_up(home.stack, records)
    evidence.spans = list(home.spans)
    evidence.seen = events_on(list(records), home.stack.prefix)
    evidence.mails = (await home.client.get("/local/mail")).json()
    evidence.hooks = [_hook(headers) for _, headers, _ in home.endpoint.requests]
    for service in home.services:
        evidence.letters += await home.every(service, "/internal/dead-letters")
    return evidence


async def quiet(home: World) -> list[str]:
    """Wait until nothing is in flight; answers what still was after minutes without progress.

    How long a backlog takes is the machine's business: as long as it gets shorter it is waited for.
    """
    answer = await home.client.post("/local/quiet", timeout=_BACKLOG_S)
    return [] if answer.status_code == 200 else list(answer.json()["outstanding"])


def _hook(headers: dict[str, str]) -> dict[str, str]:
    return {"id": headers["webhook-id"]}


async def _know_cases(home: World, evidence: Evidence, most: int) -> None:
    reports = sorted({ack.external_id for ack in evidence.acks if ack.what == "report"})
    # Evenly over the run, where there are too many.
    chosen = reports[:: 1 + len(reports) // most]

    async def look(external_id: str) -> None:
        customer = f"cust-{external_id.removeprefix('call-')}"
        items = (await _get(home, "/v1/cases", customer=customer))["items"]
        evidence.by_report[external_id] = [str(item["id"]) for item in items]

    await _each(chosen, look)


async def _read_cases(home: World, case_ids: Iterable[str], evidence: Evidence) -> None:
    async def look(case_id: str) -> None:
        evidence.cases[case_id] = await _get(home, f"/v1/cases/{case_id}")
        evidence.ladders[case_id] = await _get(home, f"/v1/ladders/{case_id}")

    await _each(case_ids, look)
    evidence.read_at = home.now()


async def _notifications(home: World, evidence: Evidence) -> None:
    """Read all; wait until they have ended, or as long as the tries that faults cost may take."""
    deadline = asyncio.get_running_loop().time() + _RETRIES_S
    while True:
        evidence.deliveries = await _all_deliveries(home)
        open_still = any(
            each["status"] not in ENDED
            for deliveries in evidence.deliveries.values()
            for each in deliveries
        )
        if not open_still or asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(2)


async def _all_deliveries(home: World) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    cursor: dict[str, str] = {}
    while True:
        page = await _get(home, "/v1/deliveries", limit=500, **cursor)
        for each in page["items"]:
            found[str(each["case_id"])].append(each)
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def _each(ids: Iterable[str], look: Any) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(id: str) -> None:
        async with gate:
            await look(id)

    async with asyncio.TaskGroup() as group:
        for each in ids:
            group.create_task(one(each))


async def _get(home: World, path: str, **parameters: Any) -> dict[str, Any]:
    while True:
        try:
            answer = await home.client.get(path, params=parameters)
        except httpx.TransportError:
            continue
        if answer.status_code == 200:
            content: dict[str, Any] = json.loads(answer.content)
            return content
        if answer.status_code not in (502, 503):
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
        await asyncio.sleep(0.1)
