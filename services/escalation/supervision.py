"""What supervisors see: counting their groups' open cases, set-based, and the next breaches.

Owns the reading; the shape is the core's. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from services.escalation.core.roster import Roster
from services.escalation.core.supervision import GroupLoad, Workload
from services.escalation.store import QUERIES, Session, loads


async def workload_of(
    session: Session, roster: Roster, groups: Sequence[str], breaches: int
) -> Workload:
    """The load of these groups and their members, with so many next breaches of each."""
    counted = await session.fetch(QUERIES["group_loads"], groups)
    due = await session.fetch(QUERIES["next_breaches"], groups, breaches)
    members = {agent.staff_number for group in groups for agent in roster.members(group)}
    following: dict[str, list[dict[str, Any]]] = {}
    for row in due:
        following.setdefault(row["owner_group"], []).append(_breach(row))
    return Workload(
        groups={row["owner_group"]: _load(row) for row in counted},
        held=await loads(session, members),
        breaches=following,
    )


def _load(row: Any) -> GroupLoad:
    return GroupLoad(**{field.name: row[field.name] for field in fields(GroupLoad)})


def _breach(row: Any) -> dict[str, Any]:
    due: datetime = row["next_due"]
    shown = ("holder", "rung", "category", "severity")
    return {
        "case_id": str(row["case_id"]),
        "next_due": due.isoformat(),
        **{name: row[name] for name in shown},
    }
