"""What people read of the roster at work: agents by what is asked, and a supervisor's groups.

Owns: which agents a list shows, and the body of `GET /v1/roster/supervisors/{staff_number}`. The
counts come in; nothing is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.escalation.core.availability import is_absent, is_at_work
from services.escalation.core.roster import Agent, Roster


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which agents a list shows; None asks nothing."""

    group: str | None = None
    absent: bool | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class GroupLoad:
    """How many of a group's open cases are in which way; `held` are those that an agent has."""

    open: int = 0
    unheld: int = 0
    held: int = 0
    paused: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """What is counted for a supervisor: by group, by agent, and each group's next breaches."""

    groups: Mapping[str, GroupLoad]
    held: Mapping[str, int]
    breaches: Mapping[str, Sequence[Mapping[str, Any]]]


def agents_where(roster: Roster, wanted: Wanted, now: datetime) -> Iterator[Agent]:
    """The agents of whom all that is asked is true, by staff number."""
    for agent in roster.everybody if wanted.group is None else roster.members(wanted.group):
        if wanted.absent is not None and wanted.absent is not is_absent(agent, now):
            continue
        if wanted.language is None or agent.speaks(wanted.language):
            yield agent


def person(roster: Roster, staff_number: str | None) -> dict[str, str | None] | None:
    """Somebody by staff number, with the name if the roster has it; None for nobody."""
    if staff_number is None:
        return None
    agent = roster.agent(staff_number)
    return {"staff_number": staff_number, "name": agent.name if agent else None}


def supervisor_view(
    roster: Roster, staff_number: str, workload: Workload, now: datetime
) -> dict[str, Any]:
    """The groups that somebody answers for, each with its load, its people and what is due."""
    return {
        **(person(roster, staff_number) or {}),
        "now": now.isoformat(),
        "groups": [
            _group_view(roster, group, workload, now)
            for group in roster.supervised_by(staff_number)
        ],
    }


def _group_view(roster: Roster, name: str, workload: Workload, now: datetime) -> dict[str, Any]:
    group = roster.groups.get(name)
    return {
        "name": name,
        "title": group.title if group else {},
        "supervisor": person(roster, group.supervisor if group else None),
        **asdict(workload.groups.get(name, GroupLoad())),
        "agents": [
            {
                **(person(roster, agent.staff_number) or {}),
                "absent": is_absent(agent, now),
                "at_work": is_at_work(agent, now),
                "held": workload.held.get(agent.staff_number, 0),
            }
            for agent in roster.members(name)
        ],
        "next_breaches": list(workload.breaches.get(name, ())),
    }
