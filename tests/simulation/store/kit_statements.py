"""What the kit's statements do, in memory: entities, the log, parking, dead letters, leases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.unit import QUERIES as Q
from tests.simulation.store.memory import Answer, MemoryStore, Row, Table, columns, does, named

TABLES: dict[str, list[tuple[str, ...]]] = {
    "entity": [("id",)],
    "log": [("pos",)],
    "unpublished": [("pos",)],
    "stopped": [("pos",)],
    "parked": [("entity", "topic", "seq", "hash")],
    "dead_letter": [("hash",)],
    "progress": [("topic", "part")],
    "fetched": [("topic", "part")],
    "lease": [("name",)],
    "confirmed": [("consumer", "topic")],
    "cluster": [("single",)],
    "foreign_seen": [("id",)],
    "foreign_waiting": [("hash",)],
    "idempotency": [("scope", "key")],
    "simulated_clock": [("single",)],
}
_ENTITY = """id subject part s1 h1 s2 h2 o1 p1 o2 p2 parked state last_at wake_at known_at
held_until g1 g2"""
_OUTCOME = "id o1 p1 o2 p2 state last_at wake_at known_at held_until"
_STUB: Row = dict.fromkeys(_ENTITY.split()) | {
    **dict.fromkeys(("s1", "s2", "o1", "o2", "parked"), 0),
    **dict.fromkeys(("h1", "h2", "p1", "p2", "g1", "g2"), b""),
}
_LOG = "topic entity seq id type after recordedat prevhash value"


def clock_columns(s: MemoryStore) -> Row:
    """The time, as several statements tell it."""
    found = s.simulated_clock.get(True) or {}
    names = ("origin", "speed", "offset", "moved_at")
    return {"real": s.now, **{name: found.get(name) for name in names}}


@does(clock.READ)
def read_clock(s: MemoryStore) -> Answer:
    return [clock_columns(s)]


@does(Q["stub"])
def stub(s: MemoryStore, ids: list[UUID]) -> Answer:
    new = [{**_STUB, "id": id} for id in ids]
    return [row for row in new if s.entity.insert_new(row)]


@does(Q["lock"])
def lock(s: MemoryStore, ids: list[UUID]) -> Answer:
    return [s.entity[id] for id in sorted(ids) if id in s.entity.rows]


@does(Q["read"])
def read(s: MemoryStore, id: UUID) -> Answer:
    return lock(s, [id])


def waking(s: MemoryStore) -> list[Row]:
    """The partial index by which timers claim."""
    found = [e for e in s.entity if e["wake_at"] is not None and e["held_until"] is None]
    return sorted(found, key=lambda e: e["wake_at"])


@does(Q["claim"])
def claim(s: MemoryStore, now: Any, limit: int) -> Answer:
    return [e for e in waking(s) if e["wake_at"] <= now][:limit]


@does(Q["write"])
def write(
    s: MemoryStore, at: Any, events: list[Any], changed: list[Any], decided: list[Any]
) -> Answer:
    announced = (s.cluster.get(True) or {}).get("announced")
    at = max(at, announced) if announced else at
    for row in named(_LOG, events):
        pos = s.draw("pos")
        s.log.insert({"pos": pos, "at": at, **row})
        s.unpublished.insert({"pos": pos, "at": at})
    for row in named(_ENTITY, changed):
        if row["id"] in s.entity.rows:
            s.entity.put(row)
    for row in named(_OUTCOME, decided):
        if row["id"] in s.entity.rows:
            s.entity.change(row["id"], **row)
    return [{}]


@does(Q["notify"])
def notify(s: MemoryStore, channel: str) -> Answer:
    return [{}]


@does(Q["parked_of"])
def parked_of(s: MemoryStore, ids: list[UUID]) -> Answer:
    found = [p for p in s.parked if p["entity"] in ids]
    return sorted(found, key=lambda p: (p["entity"], p["topic"], p["seq"]))


@does(Q["park"])
def park(s: MemoryStore, *arrays: list[Any]) -> Answer:
    rows = columns("entity topic seq hash reason part raw", arrays)
    return sum(s.parked.insert_new({**row, "at": s.now}) for row in rows)


@does(Q["unpark"])
def unpark(s: MemoryStore, *arrays: list[Any]) -> Answer:
    return sum(s.parked.drop(key) for key in zip(*arrays, strict=True))


@does(Q["bury"])
def bury(s: MemoryStore, *arrays: list[Any]) -> Answer:
    rows = columns("hash entity topic part offset_ seq reason detail raw", arrays)
    more = {"at": s.now, "settled": None, "settled_at": None}
    return [{"hash": row["hash"]} for row in rows if s.dead_letter.insert_new(row | more)]


@does(Q["progress"])
def progress(s: MemoryStore, *arrays: list[Any]) -> Answer:
    _keep_greatest(s.progress, "t", arrays[:3])
    _keep_greatest(s.fetched, "next", arrays[4:])
    held = [e for e in s.entity if e["held_until"] is not None and e["part"] in arrays[3]]
    for entity in held:
        s.entity.change(entity["id"], held_until=None)
    return len(held)


def _keep_greatest(table: Table, column: str, arrays: Sequence[list[Any]]) -> None:
    for row in columns(f"topic part {column}", arrays):
        known = table.get((row["topic"], row["part"])) or row
        table.put({**row, column: max(known[column], row[column])})


@does(Q["fetched"])
def fetched(s: MemoryStore) -> Answer:
    return list(s.fetched)


@does(Q["forget_fetched"])
def forget_fetched(s: MemoryStore) -> Answer:
    return sum(s.fetched.drop((row["topic"], row["part"])) for row in s.fetched)


@does(Q["progress_of"])
def progress_of(s: MemoryStore, topic: str) -> Answer:
    return [row for row in s.progress if row["topic"] == topic]


@does(Q["see_foreign"])
def see_foreign(s: MemoryStore, ids: list[UUID]) -> Answer:
    return [{"id": id} for id in ids if s.foreign_seen.insert_new({"id": id, "at": s.now})]


@does(Q["forget_foreign"])
def forget_foreign(s: MemoryStore, ids: list[UUID]) -> Answer:
    return sum(s.foreign_seen.drop(id) for id in ids)


@does(Q["wait_foreign"])
def wait_foreign(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("hash topic part offset_ raw reason", arrays):
        again = {"retry_at": s.now + timedelta(seconds=1)}
        if not s.foreign_waiting.insert_new({**row, "at": s.now, **again}):
            s.foreign_waiting.change(row["hash"], **again)
    return len(arrays[0])


def _to_be_tried(s: MemoryStore) -> list[Row]:
    latest = s.now + timedelta(seconds=2)
    due = [row for row in s.foreign_waiting if not s.now < row["retry_at"] <= latest]
    return sorted(due, key=lambda row: row["retry_at"])


@does(Q["foreign_due"])
def foreign_due(s: MemoryStore) -> Answer:
    return [{"?column?": 1} for _ in _to_be_tried(s)][:1]


@does(Q["claim_foreign"])
def claim_foreign(s: MemoryStore, limit: int) -> Answer:
    return _to_be_tried(s)[:limit]


@does(Q["drop_foreign"])
def drop_foreign(s: MemoryStore, hashes: list[bytes]) -> Answer:
    return sum(s.foreign_waiting.drop(hash) for hash in hashes)


@does(Q["unpublished"])
def unpublished(s: MemoryStore, limit: int) -> Answer:
    return sorted(s.unpublished, key=lambda row: row["pos"])[:limit]


@does(Q["log_rows"])
def log_rows(s: MemoryStore, first: Any, last: Any, positions: list[int]) -> Answer:
    found = [s.log[pos] for pos in sorted(positions) if pos in s.log.rows]
    return [row for row in found if first <= row["at"] <= last]


@does(Q["published"])
def published(s: MemoryStore, positions: list[int], sent: str) -> Answer:
    if s.cluster.get(True):
        s.cluster.change(True, sent=sent)
    return sum(s.unpublished.drop(pos) for pos in positions)


@does(Q["stop_sending"])
def stop_sending(s: MemoryStore, entity: UUID | None, reason: str) -> Answer:
    moved = [row for row in s.unpublished if s.log[row["pos"]]["entity"] == entity]
    for row in moved:
        s.unpublished.drop(row["pos"])
        s.stopped.insert_new({**row, "entity": entity, "reason": reason})
    return len(moved)


@does(Q["oldest_transaction"])
def oldest_transaction(s: MemoryStore) -> Answer:
    return [{"t": s.now, **clock_columns(s)}]


@does(Q["announce"])
def announce(s: MemoryStore, t: Any) -> Answer:
    stopped = {row["entity"] for row in s.stopped if row["entity"] is not None}
    complete = min(t, s.now, *(row["at"] for row in s.unpublished))
    cluster = s.cluster.get(True)
    if cluster:
        s.cluster.change(True, announced=max(cluster["announced"] or complete, complete))
    return [{"t": complete, "stopped": sorted(stopped)}]


@does(Q["lease"])
def lease(s: MemoryStore, name: str, owner: str, length: timedelta) -> Answer:
    held = s.lease.get(name)
    if held and s.now <= held["until"] <= s.now + length and held["owner"] != owner:
        return []
    s.lease.put({"name": name, "owner": owner, "until": s.now + length})
    cluster = s.cluster.get(True) or {}
    return [{"cluster": cluster.get("id"), "sent": cluster.get("sent")}]


@does(Q["release_lease"])
def release_lease(s: MemoryStore, name: str, owner: str) -> Answer:
    held = s.lease.get(name)
    return int(bool(held and held["owner"] == owner and s.lease.drop(name)))
