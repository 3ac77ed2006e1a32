"""The database is set back by a minute: a copy of its data folder takes the place of the newer one.

Owns what must be noticed. The broker keeps what it has, so Apache Kafka is needed.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter, defaultdict
from typing import Any

from tests.chaos.collect import quiet
from tests.chaos.evidence import Ack, Evidence, events_on
from tests.chaos.judge import Violation
from tests.chaos.load import Load
from tests.chaos.options import Options
from tests.chaos.packs import PATIENT
from tests.chaos.report import Result
from tests.chaos.world import Plan, World, world
from tests.support.topics import caught_up, watching

_LOST_S = 60.0
_BEFORE_S = 20.0
_AFTER_S = 20.0
_READERS = ("escalation", "notifier")


async def restore(options: Options) -> Result:
    """A minute (times `size`) is lost."""
    if options.kafka != "apache":
        raise SystemExit("scenario restore needs --kafka apache: the broker must keep its data")
    plan = Plan(options.state, options.kafka, PATIENT)
    data, copy = options.state / "postgres" / "data", options.state / "postgres" / "copy"
    acks: list[Ack] = []
    async with world(plan) as home:
        acks += await _loaded(home, options, "before", _BEFORE_S)
        old = await _cases_of(home, acks)
    shutil.copytree(data, copy, symlinks=True)
    _own_as(data, copy)
    async with world(plan) as home:
        acks += await _loaded(home, options, "lost", _LOST_S * options.size)
        await _one_more_contact(home, options, "lost", old)
    shutil.rmtree(data)
    copy.rename(data)
    async with world(plan) as home, watching(home.stack) as records:
        await _one_more_contact(home, options, "after", old)
        acks += await _loaded(home, options, "after", _AFTER_S)
        await caught_up(home.stack, records)
        evidence = Evidence(options.seed, acks)
        evidence.seen = events_on(list(records), home.stack.prefix)
        named = await _named(home)
        missing = await _missing(home, acks, named["escalation"]["dead letter"])
    return _result(evidence, named, missing)


async def _loaded(home: World, options: Options, name: str, lasts_s: float) -> list[Ack]:
    load = Load(home, options.seed, options.rate or 2.0, name)
    telling = asyncio.create_task(load.run())
    await asyncio.sleep(lasts_s)
    load.stop()
    await telling
    await quiet(home)
    return load.acks


async def _cases_of(home: World, acks: list[Ack]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ack in acks:
        if ack.what == "report":
            for case in await _look(home, ack.external_id):
                found[ack.external_id] = case
    return found


async def _look(home: World, external_id: str) -> list[str]:
    customer = f"cust-{external_id.removeprefix('call-')}"
    answer = await home.client.get("/v1/cases", params={"customer": customer})
    assert answer.status_code == 200, answer.text
    return [str(item["id"]) for item in answer.json()["items"]]


async def _one_more_contact(
    home: World, options: Options, when: str, cases: dict[str, str]
) -> None:
    """In every case, so that each has an event of this time, of another content than before."""
    load = Load(home, options.seed, 1.0, when)
    for external_id, case_id in cases.items():
        contact = {
            "channel": "chat",
            "direction": "inbound",
            "external_id": f"{when}-{external_id}",
            "occurred_at": home.now_text(),
        }
        await load.post(f"/v1/cases/{case_id}/contacts", contact, f"{when}-{external_id}")
    await quiet(home)


async def _named(home: World) -> dict[str, dict[str, set[str]]]:
    """Which cases each service names, by reason: parked ones, and those with a dead letter.

    The keys of customers lie in the same data folder: of who came in the lost time the key is gone,
    so what was sealed for them can never be read again, and each such event is a dead letter.
    """
    found: dict[str, dict[str, set[str]]] = {}
    for service in _READERS:
        by_reason: dict[str, set[str]] = defaultdict(set)
        for record in await home.every(service, "/internal/parked"):
            by_reason[record["reason"]].add(record["case_id"])
        for letter in await home.every(service, "/internal/dead-letters"):
            by_reason["dead letter"].add(letter["case_id"])
        found[service] = by_reason
    return found


async def _missing(home: World, acks: list[Ack], unread: set[str]) -> dict[str, list[str]]:
    """Reports whose case is unknown to intake; and to the ladder too, without being named there."""
    found: dict[str, list[str]] = {"intake": [], "everywhere": []}
    for ack in acks:
        if ack.what != "report":
            continue
        cases = await _look(home, ack.external_id)
        if not cases:
            found["intake"].append(f"{ack.road} {ack.external_id}")
        known = cases or ([ack.case_id] if ack.case_id else [])
        answers = [await home.client.get(f"/v1/ladders/{case}") for case in known]
        known_there = any(answer.status_code == 200 for answer in answers)
        if not known_there and not unread.intersection(known):
            found["everywhere"].append(f"{ack.road} {ack.external_id}")
    return found


def two_truths(evidence: Evidence) -> set[str]:
    """Cases with two different events under one number on `cases`: what must be noticed."""
    found: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for one in evidence.seen:
        if one.topic == "cases":
            found[str(one.event.subject), one.event.sequence].add(one.event.digest())
    return {case for (case, _), digests in found.items() if len(digests) > 1}


def _result(
    evidence: Evidence, named: dict[str, dict[str, set[str]]], missing: dict[str, list[str]]
) -> Result:
    forked = two_truths(evidence)
    violations = [
        Violation("fork_noticed", f"{service} does not name case {case}")
        for service, by_reason in named.items()
        for case in sorted(forked - by_reason["fork"] - by_reason["dead letter"])
    ]
    violations += [
        Violation("nothing_silently_dropped", f"report {report} is nowhere")
        for report in missing["everywhere"]
    ]
    said: dict[str, Any] = {
        service: {reason: len(cases) for reason, cases in by_reason.items()}
        for service, by_reason in named.items()
    }
    unknown = f"{len(missing['intake'])}, nowhere at all: {len(missing['everywhere'])}"
    lines = [
        f"cases with two truths: {len(forked)}; parked, by reason: {said}",
        f"reports unknown to intake: {unknown}",
    ]
    return Result(evidence, violations, Counter({"restored_backup": 1}), lines)


def _own_as(data: Any, copy: Any) -> None:
    """The copy belongs to whom the data belongs: PostgreSQL refuses any other."""
    owner = data.stat()
    for path in (copy, *copy.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    copy.chmod(owner.st_mode & 0o777)
