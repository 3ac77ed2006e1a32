"""Where the journal rests: one row per decision, written in the decision's own transaction.

Owns the table `journal` and its export. What an entry says is the core's (`core/journal.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from schemas.topics import ESCALATIONS, SEALED_FIELD, parse_value
from services.escalation.core.journal import Entry, Journal, Said, Triggered, journal
from services.escalation.core.state import LadderState
from services.escalation.core.turn import Decision
from services.escalation.store import QUERIES, Session
from services.kit.entities import Decided


@dataclass(frozen=True, slots=True)
class Effects:
    """What a decision leaves beside the document. `entry` None: it came to nothing."""

    decision: Decision
    entry: Entry | None


async def write_entries(session: Session, decided: Sequence[Decided]) -> None:
    """Write the entries of one transaction's decisions (their effects), in order, at once."""
    noted = [(each, each.decision.effects.entry) for each in decided]
    await write_noted(session, [(each, entry) for each, entry in noted if entry is not None])


async def write_noted(session: Session, noted: Iterable[tuple[Decided, Entry]]) -> None:
    """Write entries beside the decisions that they are about."""
    rows = [_row(each, entry) for each, entry in noted]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await session.execute(QUERIES["add_entries"], *columns)


def _row(decided: Decided, entry: Entry) -> tuple[Any, ...]:
    ours = [event.sequence for event in decided.produced if event.topic == ESCALATIONS]
    return (
        decided.entity.id,
        entry.kind.value,
        entry.trigger,
        entry.name,
        entry.recorded_at,
        entry.now,
        json.dumps(entry.data, ensure_ascii=False, separators=(",", ":")),
        entry.reason.value,
        entry.wake_at,
        ours[0] if ours else 0,
        len(ours),
        json.dumps(entry.absent_groups) if entry.absent_groups else None,
    )


async def export(session: Session, state: LadderState, calendars: dict[str, str]) -> Journal:
    """The journal of a case with its policy, whole, as of one instant."""
    rows = await session.fetch(QUERIES["entries"], state.case_id, ESCALATIONS)
    entries = [_entry(list(group)) for _, group in groupby(rows, key=lambda row: row["pos"])]
    digests = {state.policy.digest, *(record.previous.digest for record in state.migrations)}
    rows = await session.fetch(QUERIES["policy_documents"], sorted(digests))
    documents = {row["digest"]: json.loads(row["document"]) for row in rows}
    return journal(state, documents, calendars, entries)


def triggered(row: Any) -> Triggered:
    """What a decision was asked by, from its row."""
    return Triggered(**_trigger_of(row))


def _entry(rows: Sequence[Any]) -> Entry:
    row = rows[0]
    return Entry(
        **_trigger_of(row),
        reason=row["reason"],
        wake_at=row["wake_at"],
        produced=tuple(_produced(rows)),
    )


def _trigger_of(row: Any) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "trigger": row["trigger_id"],
        "name": row["name"],
        "recorded_at": row["recorded_at"],
        "now": row["decided_at"],
        "data": json.loads(row["data"]),
        "absent_groups": json.loads(row["absent_groups"]) if row["absent_groups"] else (),
    }


def _produced(rows: Iterable[Any]) -> Iterable[Said]:
    for row in rows:
        if row["seq"] is not None:
            said = {k: v for k, v in parse_value(row["value"]).items() if k != SEALED_FIELD}
            yield Said(id=row["id"], type=row["type"], sequence=row["seq"], data=said)
