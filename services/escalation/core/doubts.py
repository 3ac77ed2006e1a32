"""What in a roster does not fit the packs it serves: worth a look, never a reason to stop.

Owns these checks and their wording. Pure; whoever read the files turns the places into lines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.pack import Pack
from schemas.pack_checks import PackProblem, Place
from services.escalation.core.roster import RosterFile


@dataclass(frozen=True, slots=True)
class Staffed:
    """What a binding roster says of groups, without anybody's name.

    `listed` is everybody, `members` who is in each group, `supervisors` who answers for a group
    or an agent: all by staff number.
    """

    listed: frozenset[str]
    members: Mapping[str, Sequence[str]]
    groups: frozenset[str]
    supervisors: frozenset[str]


def staffed(roster: RosterFile) -> Staffed:
    """What a roster file says, before any installation has taken it in."""
    members: dict[str, list[str]] = {}
    for agent in roster.agents:
        for group in agent.groups:
            members.setdefault(group, []).append(agent.staff_number)
    named = (*(a.supervisor for a in roster.agents), *(g.supervisor for g in roster.groups))
    return Staffed(
        frozenset(agent.staff_number for agent in roster.agents),
        members,
        frozenset(group.name for group in roster.groups),
        frozenset(number for number in named if number is not None),
    )


class Doubt(NamedTuple):
    """Something about a name in the roster: a group's or a supervisor's."""

    name: str
    message: str


def doubts_about_names(roster: Staffed, known_groups: Collection[str]) -> Iterator[Doubt]:
    """Groups that no pack knows, and supervisors who are not in the roster."""
    choice = ", ".join(sorted(known_groups))
    for group in sorted({*roster.members, *roster.groups} - set(known_groups)):
        members = len(roster.members.get(group, ()))
        message = f"no pack has a group {group!r} (agents: {members}): write one of {choice}"
        yield Doubt(group, message)
    for supervisor in sorted(roster.supervisors - roster.listed):
        yield Doubt(supervisor, f"supervisor {supervisor} is not in the roster")


def doubts_about_rungs(roster: Staffed, pack: Pack) -> Iterator[PackProblem]:
    """Rungs whose group has nobody: cases there are told to its mailbox, and wait for it."""
    for position, rung in enumerate(pack.ladder.rungs):
        owners: dict[Place, str] = {("group",): rung.group}
        for category, group in rung.group_by_category.items():
            owners["group_by_category", category.value] = group
        for place, group in owners.items():
            if not roster.members.get(group):
                message = f"rung {rung.name}: nobody in the roster is of group {group}"
                yield PackProblem(("ladder", "rungs", position, *place), message)
