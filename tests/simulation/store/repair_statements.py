"""What the kit's statements for repair and looks do, in memory: republish, resend, gaps, counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from services.kit import sealing
from services.kit.unit import QUERIES as Q
from tests.simulation.store.kit_statements import clock_columns, waking
from tests.simulation.store.memory import Answer, MemoryStore, Row, columns, does

KEY_TABLES: dict[str, list[tuple[str, ...]]] = {"subject_key": [("subject",)]}


def _queue_again(s: MemoryStore, rows: list[Row]) -> int:
    return sum(s.unpublished.insert_new({"pos": row["pos"], "at": row["at"]}) for row in rows)


@does(Q["republish"])
def republish(s: MemoryStore, topic: str, since: Any) -> Answer:
    return _queue_again(s, [r for r in s.log if r["topic"] == topic and r["at"] >= since])


@does(Q["resend"])
def resend(s: MemoryStore, entity: UUID, topic: str, first: int, last: int) -> Answer:
    return _queue_again(
        s,
        [
            row
            for row in s.log
            if row["entity"] == entity and row["topic"] == topic and first <= row["seq"] <= last
        ],
    )


@does(Q["confirm"])
def confirm(s: MemoryStore, consumer: str, topic: str, t: Any) -> Answer:
    known = s.confirmed.get((consumer, topic))
    latest = max(known["t"], t) if known else t
    s.confirmed.put({"consumer": consumer, "topic": topic, "t": latest})
    return 1


@does(Q["confirmed_of"])
def confirmed_of(s: MemoryStore, topic: str) -> Answer:
    return [row for row in s.confirmed if row["topic"] == topic]


@does(Q["remember_cluster"])
def remember_cluster(s: MemoryStore, id: str) -> Answer:
    known = s.cluster.get(True) or {"announced": None}
    s.cluster.put({**known, "single": True, "id": id, "sent": "{}"})
    return 1


@does(Q["gaps"])
def gaps(s: MemoryStore, age: timedelta) -> Answer:
    found: dict[tuple[UUID, str], int] = {}
    for row in s.parked:
        if row["at"] < s.now - age and row["reason"] != "fork":
            key = (row["entity"], row["topic"])
            found[key] = min(found.get(key, row["seq"]), row["seq"])
    return [
        {"id": id, "s1": s.entity[id]["s1"], "s2": s.entity[id]["s2"], "topic": topic, "seq": seq}
        for (id, topic), seq in sorted(found.items())
    ]


@does(Q["buried_at"])
def buried_at(s: MemoryStore, ids: list[UUID]) -> Answer:
    standing = [row for row in s.dead_letter if row["settled"] is None and row["seq"] > 0]
    return [row for row in standing if row["entity"] in ids]


@does(Q["unhold_grace"])
def unhold_grace(s: MemoryStore) -> Answer:
    over = [e for e in s.entity if e["held_until"] is not None and e["held_until"] <= s.now]
    for entity in over:
        s.entity.change(entity["id"], held_until=None)
    return len(over)


@does(Q["oldest_due"])
def oldest_due(s: MemoryStore) -> Answer:
    soonest = waking(s)
    over = any(e["held_until"] is not None and e["held_until"] <= s.now for e in s.entity)
    at = soonest[0]["wake_at"] if soonest else None
    return [{"at": at, "grace_over": over, **clock_columns(s)}]


@does(Q["honesty"])
def honesty(s: MemoryStore) -> Answer:
    return [
        {
            "parked": sum(e["parked"] > 0 for e in s.entity),
            "dead_letters": sum(row["settled"] is None for row in s.dead_letter),
            "unpublished": len(s.unpublished),
            "stopped": len(s.stopped),
            "held": sum(e["held_until"] is not None for e in s.entity),
        }
    ]


@does(Q["claim_key"])
def claim_key(s: MemoryStore, scope: str, key: str, request_hash: bytes) -> Answer:
    unsettled = dict.fromkeys(("subject", "status", "answer"))
    row = {"scope": scope, "key": key, "request_hash": request_hash, "at": s.now, **unsettled}
    return [{"key": key}] if s.idempotency.insert_new(row) else []


@does(Q["settle_key"])
def settle_key(
    s: MemoryStore, scope: str, key: str, subject: UUID | None, status: int, answer: bytes
) -> Answer:
    s.idempotency.change((scope, key), subject=subject, status=status, answer=answer)
    return 1


@does(Q["recall"])
def recall(s: MemoryStore, scopes: list[str], keys: list[str]) -> Answer:
    found = (s.idempotency.get(place) for place in zip(scopes, keys, strict=True))
    return [row for row in found if row]


@does(Q["store_answers"])
def store_answers(s: MemoryStore, *arrays: list[Any]) -> Answer:
    rows = columns("scope key request_hash subject status answer", arrays)
    return [{"key": r["key"]} for r in rows if s.idempotency.insert_new({**r, "at": s.now})]


def load_keys(s: MemoryStore, subjects: list[UUID], service: str) -> list[Row]:
    return [s.subject_key[subject] for subject in subjects if subject in s.subject_key.rows]


@does(sealing._LOAD)
def fetch_keys(s: MemoryStore, subjects: list[UUID], service: str) -> Answer:
    return load_keys(s, subjects, service)


@does(sealing._MAKE)
def make_keys(s: MemoryStore, subjects: list[UUID], service: str, wrapped: list[bytes]) -> Answer:
    """The second half sees what was there before the statement only."""
    known = load_keys(s, subjects, service)
    fresh = [{"subject": id, "wrapped": key} for id, key in zip(subjects, wrapped, strict=True)]
    return [row for row in fresh if s.subject_key.insert_new(row)] + known
