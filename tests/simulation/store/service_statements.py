"""What the statements of intake and of the notifier do, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from services.intake.store import QUERIES as I
from services.notifier.store import QUERIES as N
from tests.simulation.store.memory import Answer, MemoryStore, Row, columns, does

INTAKE_TABLES: dict[str, list[tuple[str, ...]]] = {
    "case_identity": [("identity",)],
    "case_line": [("case_id",)],
    "case_key": [("key", "opened_at", "case_id")],
    "policy": [("digest",)],
}
NOTIFIER_TABLES: dict[str, list[tuple[str, ...]]] = {
    "delivery": [("id",), ("key",), ("event_id", "recipient", "channel")],
    "recipient": [("recipient",)],
    "policy": [("digest",)],
}
_OVER = ("closed", "withdrawn", "merged")
_LINE = "case_id status episode category severity lane opened_at started_at"
_DELIVERY = """id key case_id subject event_id recipient channel template status attempts reason
planned_at sent_at next_attempt_at body"""


@does(I["advise"], N["lock_inboxes"])
def hold(s: MemoryStore, keys: list[Any]) -> Answer:
    """Advisory locks: nobody to wait for, since one step follows another."""
    return [{} for _ in keys]


@does(I["known"])
def known(s: MemoryStore, identities: list[bytes], matters: list[bytes]) -> Iterator[Row]:
    for key in identities:
        if key in s.case_identity.rows:
            yield {"key": key, "case_id": s.case_identity[key]["case_id"]}
    for row in s.case_key:
        if row["key"] in matters and s.case_line[row["case_id"]]["status"] not in _OVER:
            yield {"key": row["key"], "case_id": row["case_id"]}


@does(I["save"])
def save(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("identity case_id", arrays[:2]):
        s.case_identity.insert(row)
    for row in columns("key opened_at case_id", arrays[2:5]):
        s.case_key.insert_new(row)
    for row in columns(_LINE, arrays[5:]):
        if not s.case_line.insert_new(row):
            del row["lane"], row["opened_at"]
            s.case_line.change(row["case_id"], **row)
    return len(arrays[5])


@does(I["leave_incidents"])
def leave_incidents(s: MemoryStore, ids: list[UUID], now: Any) -> Answer:
    return 0  # no history links a case to an incident


@does(I["keep_policy"])
def keep_intakes_policy(s: MemoryStore, digest: str, name: str, version: str, text: str) -> Answer:
    row = {"digest": digest, "name": name, "version": version, "document": text}
    return int(s.policy.insert_new(row))


@does(N["keep_policy"])
def keep_notifiers_policy(
    s: MemoryStore, digest: str, name: str, version: str, text: str
) -> Answer:
    row = {"digest": digest, "name": name, "version": version, "content": text}
    return int(s.policy.insert_new(row))


@does(N["policies"])
def policies(s: MemoryStore) -> Answer:
    return list(s.policy)


@does(N["read_recipients"])
def read_recipients(s: MemoryStore, wanted: list[str]) -> Answer:
    return [s.recipient[name] for name in wanted if name in s.recipient.rows]


@does(N["plan"])
def plan(s: MemoryStore, *arrays: list[Any]) -> Iterator[Row]:
    more = dict.fromkeys(("confirmed_at", "lease_owner", "lease_until"))
    for row in columns(_DELIVERY, arrays):
        if s.delivery.insert_new({"pos": s.draw("delivery"), **row, **more}):
            yield {"id": row["id"]}


def _to_send(s: MemoryStore) -> list[dict[str, Any]]:
    waiting = [row for row in s.delivery if row["next_attempt_at"] is not None]
    return sorted(waiting, key=lambda row: row["next_attempt_at"])


def _in_turn(s: MemoryStore, now: Any) -> list[dict[str, Any]]:
    """What is to be sent, but what is behind an earlier message that could be sent, or is."""

    def first(one: dict[str, Any], other: dict[str, Any]) -> bool:
        place = ("case_id", "recipient", "channel")
        beside = all(one[name] == other[name] for name in place) and one["pos"] < other["pos"]
        return beside and (one["status"] == "sending" or one["next_attempt_at"] <= now)

    waiting = _to_send(s)
    return [row for row in waiting if not any(first(one, row) for one in waiting)]


@does(N["claim"])
def claim(s: MemoryStore, now: Any, limit: int, owner: str, until: Any) -> Iterator[Row]:
    leased = {"lease_owner": owner, "lease_until": until, "next_attempt_at": until}
    for row in [row for row in _in_turn(s, now) if row["next_attempt_at"] <= now][:limit]:
        more = {"status": "sending", "attempts": row["attempts"] + 1, **leased}
        yield s.delivery.change(row["id"], **more)


@does(N["lease_owners"])
def lease_owners(s: MemoryStore) -> Answer:
    owners = {row["lease_owner"] for row in _to_send(s) if row["lease_owner"] is not None}
    return [{"lease_owner": owner} for owner in sorted(owners)]


@does(N["inherit"])
def inherit(s: MemoryStore, owners: list[str], now: Any) -> Answer:
    found = [row for row in _to_send(s) if row["lease_owner"] in owners]
    for row in found:
        s.delivery.change(row["id"], lease_until=now, next_attempt_at=now)
    return len(found)


@does(N["settle"])
def settle(s: MemoryStore, owner: str, *arrays: list[Any]) -> Iterator[Row]:
    free = {"lease_owner": None, "lease_until": None}
    for ended in columns("id attempts status reason sent_at next_attempt_at", arrays):
        row = s.delivery[ended["id"]]
        mine = row["lease_owner"] == owner and row["attempts"] == ended["attempts"]
        if row["status"] == "sending" and mine:
            yield s.delivery.change(row["id"], **ended, **free)


@does(N["next_attempt"])
def next_attempt(s: MemoryStore, now: Any) -> Answer:
    return [{"at": row["next_attempt_at"]} for row in _in_turn(s, now)[:1]]
