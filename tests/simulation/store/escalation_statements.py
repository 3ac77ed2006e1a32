"""What escalation's statements do, in memory: rungs, offers, queues, the roster, the journal."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from services.escalation.store import QUERIES as E
from tests.simulation.store.memory import Answer, MemoryStore, columns, does

TABLES: dict[str, list[tuple[str, ...]]] = {
    "rung": [("case_id", "episode", "rung", "visit")],
    "rung_offer": [("case_id", "episode", "rung", "visit"), ("offer_id",)],
    "action": [("action_id",)],
    "firing": [("case_id", "episode", "what", "cycle", "due_at")],
    "queue": [("case_id",)],
    "policy": [("digest",)],
    "agent": [("staff_number",)],
    "staff_group": [("name",)],
    "roster_state": [("only_row",)],
    "journal": [("pos",)],
}
_AGENT = """staff_number name groups languages skills supervisor absent absences working_hours
given"""
_ENTRY = """case_id kind trigger_id name recorded_at decided_at data reason wake_at first_sequence
events absent_groups"""
_QUEUE = """case_id owner_group holder next_due category severity rung visit episode state
overdue_since policy"""


@does(E["add_rungs"])
def add_rungs(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("case_id episode rung visit entered_at reason lateness_ms", arrays):
        s.rung.insert(row)
    return len(arrays[0])


@does(E["add_offers"])
def add_offers(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("case_id episode rung visit offer_id made_at", arrays):
        s.rung_offer.insert(row)
    return len(arrays[0])


@does(E["add_actions"])
def add_actions(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("action_id case_id", arrays):
        s.action.insert(row)
    return len(arrays[0])


@does(E["cases_of_actions"])
def cases_of_actions(s: MemoryStore, ids: list[UUID]) -> Answer:
    return [s.action[id] for id in ids if id in s.action.rows]


@does(E["add_firings"])
def add_firings(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns("case_id episode what cycle due_at fired_at lateness_ms", arrays):
        s.firing.insert(row)
    return len(arrays[0])


@does(E["save_queue"])
def save_queue(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns(_QUEUE, arrays):
        s.queue.put(row)
    return len(arrays[0])


@does(E["leave_queue"])
def leave_queue(s: MemoryStore, ids: list[UUID]) -> Answer:
    return sum(s.queue.drop(id) for id in ids)


@does(E["held_by"])
def held_by(s: MemoryStore, agents: list[str], limit: int) -> Answer:
    found = [row["case_id"] for row in s.queue if row["holder"] in agents]
    return [{"case_id": id} for id in found[:limit]]


@does(E["loads"])
def loads(s: MemoryStore, agents: list[str]) -> Answer:
    held = Counter(row["holder"] for row in s.queue if row["holder"] in agents)
    return [{"holder": agent, "held": count} for agent, count in held.items()]


@does(E["keep_policy"])
def keep_policy(s: MemoryStore, digest: str, name: str, version: str, text: str) -> Answer:
    row = {"digest": digest, "name": name, "version": version, "document": text}
    return int(s.policy.insert_new(row))


@does(E["policies"])
def policies(s: MemoryStore, known: list[str]) -> Answer:
    return [row for row in s.policy if row["digest"] not in known]


def _roster(s: MemoryStore) -> dict[str, Any]:
    fresh = {"only_row": True, "version": 1, "given": False, "file": None}
    s.roster_state.insert_new(fresh)
    return s.roster_state[True]


@does(E["roster_state"])
def roster_state(s: MemoryStore) -> Answer:
    return [_roster(s)]


@does(E["touch_roster"])
def touch_roster(s: MemoryStore, given: bool) -> Answer:
    state = _roster(s)
    more = {"version": state["version"] + 1, "given": state["given"] or given}
    s.roster_state.change(True, **more)
    return [{}]


@does(E["note_roster_file"])
def note_roster_file(s: MemoryStore, file: bytes) -> Answer:
    s.roster_state.change(True, file=file)
    return 1


@does(E["put_agent"])
def put_agent(s: MemoryStore, *values: Any) -> Answer:
    s.agent.put(dict(zip(_AGENT.split(), values, strict=True)))
    return 1


@does(E["all_agents"])
def all_agents(s: MemoryStore) -> Answer:
    return [{name: row[name] for name in _AGENT.split() if name != "given"} for row in s.agent]


@does(E["put_group"])
def put_group(s: MemoryStore, name: str, title: str, supervisor: str | None, given: bool) -> Answer:
    row = {"name": name, "title": title, "supervisor": supervisor, "given": given}
    s.staff_group.put(row)
    return 1


@does(E["agents_left"])
def agents_left(s: MemoryStore) -> Answer:
    return []  # in no history does anybody leave


@does(E["all_groups"])
def all_groups(s: MemoryStore) -> Answer:
    return list(s.staff_group)


@does(E["add_entries"])
def add_entries(s: MemoryStore, *arrays: list[Any]) -> Answer:
    for row in columns(_ENTRY, arrays):
        s.journal.insert({"pos": s.draw("journal"), **row})
    return len(arrays[0])
