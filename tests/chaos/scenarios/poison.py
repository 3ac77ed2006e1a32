"""Ten thousand poison messages among good ones, on the topic of others and on our own.

Owns the kinds of poison, and what must have become of each: a dead letter with the very bytes, the
cases of poisoned streams parked and named, everything else as if nothing had been.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaProducer

from schemas.envelope import Envelope, to_headers
from tests.chaos.collect import collect, quiet
from tests.chaos.evidence import Ack, Evidence
from tests.chaos.judge import RULES, Violation
from tests.chaos.options import Options
from tests.chaos.packs import PATIENT
from tests.chaos.report import Result
from tests.chaos.world import Plan, World, world
from tests.support.desk import report_of
from tests.support.topics import report_headers, watching

_POISON = 10_000
_GOOD_SHARE = 0.1
_STREAM_SHARE = 0.05
_LATER_SHARE = 0.02
_AT_ONCE = 500
_JUMP_S = 7200.0
_READERS = ("escalation", "notifier")
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """A record to produce. `why`: the reason that its dead letter must give; None: it is good."""

    topic: str
    key: bytes
    headers: Headers
    value: bytes
    why: str | None


async def poison(options: Options) -> Result:
    """10,000 (times `size`) among a tenth as many good ones."""
    plan = Plan(options.state, options.kafka, PATIENT, flowing_clock=True)
    number = max(60, round(_POISON * options.size))
    async with world(plan) as home, watching(home.stack) as records:
        made, cases = messages(number, home.now_text(), home.now())
        began = time.monotonic()
        await _produce(home, made)
        outstanding = await quiet(home)
        took_s = time.monotonic() - began
        letters = {service: await _letters(home, service) for service in ("intake", *_READERS)}
        violations = [*_buried(made, letters), *await _parked(home, cases)]
        requeued, refused = await _requeued(home, letters["intake"])
        violations += refused
        good = [m for m in made if m.why in (None, "occurred_in_the_future")]
        acks = [Ack("report", "kafka", f"call-{m.key.decode()}") for m in good]
        evidence = await collect(home, options.seed, acks, records, most_cases=2000)
    evidence.outstanding += outstanding
    violations += _of_the_good(evidence, {str(case) for case in cases})
    poisoned = sum(message.why not in (None, "parked") for message in made)
    line = (
        f"{poisoned} poison among {len(made) - poisoned} others: all taken in {took_s:.1f} s, "
        f"{len(made) / took_s:.0f}/s; {len(cases)} cases parked; {requeued} requeued"
    )
    return Result(evidence, violations, Counter({"poison": poisoned}), [line])


def messages(number: int, now: str, at: float) -> tuple[list[Message], list[UUID]]:
    """All of them, well mixed, and the cases whose stream is poisoned at its first event."""
    streams = round(number * _STREAM_SHARE)
    later = round(number * _LATER_SHARE)
    made = [_broken(each, now) for each in range(number - streams - later)]
    soon = datetime.fromtimestamp(at + _JUMP_S * 0.9, UTC).isoformat()
    made += [_report(f"later-{each}", soon, "occurred_in_the_future") for each in range(later)]
    made += [_report(f"good-{each}", now, None) for each in range(round(number * _GOOD_SHARE))]
    cases = [uuid4() for _ in range(streams)]
    mixed = sorted(made, key=lambda each: hash_order(each.key))
    step = max(1, len(mixed) // max(1, len(cases)))
    for place, case in enumerate(cases):
        mixed[place * (step + 2) : place * (step + 2)] = _stream(case)
    return mixed, cases


def hash_order(key: bytes) -> int:
    """An order that mixes, and is the same each time."""
    return zlib.crc32(key)


def _report(name: str, occurred_at: str, why: str | None) -> Message:
    value = json.dumps(report_of(name, occurred_at=occurred_at), ensure_ascii=False).encode()
    return Message("reports", name.encode(), report_headers(name), value, why)


def _broken(number: int, now: str) -> Message:
    name = f"bad-{number}"
    body = report_of(name, occurred_at=now)
    key, headers = name.encode(), report_headers(name)
    kinds: list[tuple[bytes, Headers, str]] = [
        (b"{not json" + key, headers, "not_json"),
        (b'{"source": "\xff\xfe"}' + key, headers, "not_json"),
        (b"[1, 2, %d]" % number, headers, "not_an_object"),
        (json.dumps({**body, "category": "nonsense"}).encode(), headers, "invalid_value"),
        (json.dumps(body).encode(), [*headers[1:], ("ce_x", key)], "undecodable"),
        (json.dumps(body).encode(), [("ce_id", b"\xff" + key), *headers], "undecodable"),
        (json.dumps(body).encode(), report_headers(name, "case.unheard_of"), "unknown_type"),
    ]
    value, told, why = kinds[number % len(kinds)]
    return Message("reports", key, told, value, why)


def _stream(case: UUID) -> list[Message]:
    """A case's first event, which no reader can take, and its second, which must wait for it."""
    found: list[Message] = []
    before = b""
    for number, name in enumerate(("case.opened", "contact.added"), 1):
        value = json.dumps({"status": "open", "episode": "first"}).encode()
        event = Envelope(
            *(uuid4(), "intake", f"recourse.{name}.v1", case, number, ""),
            *(datetime.now(UTC), before, value),
        )
        before = event.digest()
        why = "invalid_value" if number == 1 else "parked"
        found.append(Message("cases", str(case).encode(), to_headers(event), value, why))
    return found


async def _produce(home: World, made: Sequence[Message]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=home.stack.kafka, acks="all") as producer:
        for begin in range(0, len(made), _AT_ONCE):
            futures = [
                await producer.send(
                    home.stack.prefix + each.topic, each.value, key=each.key, headers=each.headers
                )
                for each in made[begin : begin + _AT_ONCE]
            ]
            await asyncio.gather(*futures)


async def _letters(home: World, service: str) -> list[dict[str, Any]]:
    """Every dead letter with its bytes."""
    listed = await home.every(service, "/internal/dead-letters")
    gate = asyncio.Semaphore(6)
    async with httpx.AsyncClient(base_url=home.services[service], trust_env=False) as client:

        async def show(letter: dict[str, Any]) -> dict[str, Any]:
            async with gate:
                answer = await client.get(f"/internal/dead-letters/{letter['hash']}", timeout=60)
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        return list(await asyncio.gather(*(show(letter) for letter in listed)))


def _buried(made: Sequence[Message], letters: dict[str, list[dict[str, Any]]]) -> list[Violation]:
    """Each poison is a dead letter, byte for byte, with its reason; nothing else is one."""
    found: list[Violation] = []
    for service, shown in letters.items():
        topic = "reports" if service == "intake" else "cases"
        wanted = Counter(
            (m.key, m.value, tuple(m.headers), m.why)
            for m in made
            if m.topic == topic and m.why not in (None, "parked")
        )
        there = Counter(_plain(letter) for letter in shown)
        missing, surplus = wanted - there, there - wanted
        for what, several in (("is none", missing), ("is one", surplus)):
            found += [
                Violation("dead_lettered", f"{service}: {each[0]!r} ({each[3]}) {what}")
                for each in list(several)[:5]
            ]
    return found


def _plain(letter: dict[str, Any]) -> tuple[bytes, bytes, tuple[tuple[str, bytes], ...], str]:
    original = letter["original"]
    headers = tuple((name, base64.b64decode(raw)) for name, raw in original["headers"])
    key, value = base64.b64decode(original["key"]), base64.b64decode(original["value"])
    return key, value, headers, letter["reason"]


async def _parked(home: World, cases: Sequence[UUID]) -> list[Violation]:
    found = []
    for service in _READERS:
        listed = await home.every(service, "/internal/parked")
        named = {(record["case_id"], record["sequence"]) for record in listed}
        wanted = {(str(case), 2) for case in cases}
        if named != wanted:
            what = f"{service}: {len(wanted - named)} not named, {len(named - wanted)} too many"
            found.append(Violation("parked_and_named", what))
    return found


async def _requeued(home: World, letters: Sequence[dict[str, Any]]) -> tuple[int, list[Violation]]:
    """What came too soon is taken once its time has come."""
    await home.jump(_JUMP_S)
    early = [each["hash"] for each in letters if each["reason"] == "occurred_in_the_future"]
    found = []
    async with httpx.AsyncClient(base_url=home.services["intake"], trust_env=False) as client:
        for hash_ in early:
            answer = await client.post(f"/internal/dead-letters/{hash_}/requeue", timeout=60)
            if answer.status_code != 200:
                found.append(Violation("requeue", f"{hash_}: {answer.text[:200]}"))
    return len(early) - len(found), found


def _of_the_good(evidence: Evidence, poisoned: set[str]) -> list[Violation]:
    """The usual rules, for all that was not poison."""
    evidence.letters = []
    evidence.seen = [one for one in evidence.seen if str(one.event.subject) not in poisoned]
    return [Violation(name, what) for name, rule in RULES.items() for what in rule(evidence)]
