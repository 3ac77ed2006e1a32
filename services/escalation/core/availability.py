"""Who is there: absences and working hours together, for one agent and for a whole group.

Owns: whether an agent is at work at an instant, when next, and whether a group has anybody left
who could take a case. Pure. Never chooses between agents (see `assignment`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from services.escalation.core.calendar import EndlessError
from services.escalation.core.roster import Agent, KnownAgents, Roster


def is_absent(agent: Agent, at: datetime) -> bool:
    """Whether the roster says that the agent is not there, whatever the hours."""
    return agent.absent or any(absence.covers(at) for absence in agent.absences)


def gone_from(roster: Roster, at: datetime) -> frozenset[str]:
    """The staff numbers of those who cannot go on with what they hold: absent, or left."""
    away = (agent.staff_number for agent in roster.everybody if is_absent(agent, at))
    return roster.left.union(away)


def is_at_work(agent: Agent, at: datetime) -> bool:
    """Whether the agent is there; one without working hours always is unless absent."""
    hours = agent.working_hours
    return not is_absent(agent, at) and (hours is None or hours.time.is_open(at))


def next_at_work(agent: Agent, at: datetime) -> datetime | None:
    """The first instant from `at` on (in UTC) at which the agent is there; None: never again."""
    instant: datetime | None = at.astimezone(UTC)
    while instant is not None:
        back = _back(agent, instant)
        instant = None if back is None else _opening(agent, back)
        # Each further round begins inside another absence and leaves it behind.
        if instant is not None and not is_absent(agent, instant):
            return instant
    return None


def _back(agent: Agent, at: datetime) -> datetime | None:
    """The end of the longest absence that covers an instant; the instant where none does."""
    ends = [absence.until_at for absence in agent.absences if absence.covers(at)]
    if agent.absent or None in ends:
        return None
    return max((end.astimezone(UTC) for end in ends if end is not None), default=at)


def _opening(agent: Agent, at: datetime) -> datetime | None:
    if agent.working_hours is None:
        return at
    try:
        return agent.working_hours.time.snap_forward(at).astimezone(UTC)
    except EndlessError:
        return None


def may_take(agent: Agent, barred: Collection[str]) -> bool:
    """Whether nothing keeps this agent from the case (recused, complained about)."""
    return agent.staff_number not in barred


def staffed(
    roster: Roster,
    group: str,
    barred: Collection[str],
    now: datetime,
    until: datetime | None,
) -> bool:
    """Whether somebody of the group could take the case from now until then (None: ever again).

    True where the roster does not speak of it: it does not bind, or lists nobody for the group,
    which is then reached by its mailbox.
    """
    members = roster.members(group)
    if not roster.binding or not members:
        return True
    comings = (next_at_work(agent, now) for agent in members if may_take(agent, barred))
    return any(at is not None and (until is None or at <= until) for at in comings)


def known_agents(roster: Roster, staff_numbers: Collection[str], now: datetime) -> KnownAgents:
    """What the roster says of those whom a command names."""
    found = [agent for number in staff_numbers if (agent := roster.agent(number)) is not None]
    return KnownAgents(
        names={agent.staff_number: agent.name for agent in found},
        binding=roster.binding,
        absent=frozenset(agent.staff_number for agent in found if is_absent(agent, now)),
        left=roster.left.intersection(staff_numbers),
    )
