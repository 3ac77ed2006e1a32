"""The people at the operator, as the ladder needs to know them.

Owns: the models of agents and groups, the whole roster as one immutable value, and whether a
staff number may hold a case. Names are personal data: they rest sealed. Who is there when is
`availability`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from schemas.event import Model
from schemas.pack_clocks import Name
from schemas.report import Actor, Identifier, Locale, ShortText
from schemas.vocabulary import Role
from services.escalation.core.working_hours import Absence, WorkingHours

NOBODY: Final = "none"
"""Stands for no holder where a holder is asked for."""
_STAFF: Final = frozenset({Role.AGENT, Role.SUPERVISOR})


def _not_nobody(staff_number: str) -> str:
    if staff_number == NOBODY:
        raise ValueError(f"{NOBODY} stands for nobody: give another staff number")
    return staff_number


StaffNumber = Annotated[Identifier, AfterValidator(_not_nobody)]


@lru_cache(maxsize=1024)
def _subtags(tag: str) -> Sequence[str]:
    return tag.casefold().replace("_", "-").split("-")


class _AgentFields(Model):
    name: ShortText
    groups: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    languages: Annotated[tuple[Locale, ...], Field(max_length=50)] = ()
    skills: Annotated[tuple[ShortText, ...], Field(max_length=50)] = ()
    supervisor: Identifier | None = None
    absent: bool = False
    absences: Annotated[tuple[Absence, ...], Field(max_length=200)] = ()
    working_hours: WorkingHours | None = None


class Agent(_AgentFields):
    """One agent. `absent` agents keep their place but are handed nothing new.

    `absent` is open-ended and holds at once, `absences` are known beforehand. Without
    `working_hours` an agent counts as there around the clock.
    """

    staff_number: StaffNumber

    def speaks(self, language: str) -> bool:
        """Whether one of their languages is this one, or one of the two is the narrower."""
        wanted = _subtags(language)
        spoken = map(_subtags, self.languages)
        return any(a[: len(b)] == b or b[: len(a)] == a for a, b in ((wanted, s) for s in spoken))


class AgentBody(_AgentFields):
    """An agent as it is written: the path may say the staff number alone."""

    staff_number: Identifier | None = None

    def named(self, staff_number: str) -> Agent:
        """The agent of the path."""
        return Agent.model_validate({**self.model_dump(), "staff_number": staff_number})


class _GroupFields(Model):
    title: dict[str, ShortText] = Field(default_factory=dict)
    supervisor: Identifier | None = None


class Group(_GroupFields):
    """One group of agents, beside what the pack says of it."""

    name: Name


class GroupBody(_GroupFields):
    """A group as it is written: the path may say its name alone."""

    name: Name | None = None

    def named(self, name: str) -> Group:
        """The group of the path."""
        return Group.model_validate({**self.model_dump(), "name": name})


class RosterFile(Model):
    """A whole roster, as a YAML file gives it."""

    agents: tuple[Agent, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownAgents:
    """Those agents of the roster that a command names.

    `binding` says whether the operator has given a roster of their own: only then is a staff
    number that is not in it refused.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    binding: bool = False
    absent: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    replayed: bool = False
    """Whether a command is obeyed again that was legal: what is private is not checked again."""

    def knows(self, staff_number: str) -> bool:
        """Whether this agent may hold a case."""
        return staff_number not in self.left and (not self.binding or staff_number in self.names)


@dataclass(frozen=True)
class Roster:
    """Everybody at one instant; a change makes another. `binding` as in `KnownAgents`.

    `left` are the staff numbers of those who were in it and are not any more.
    """

    agents: Mapping[str, Agent] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    binding: bool = False
    left: frozenset[str] = frozenset()

    def agent(self, staff_number: str) -> Agent | None:
        """The agent of a staff number."""
        return self.agents.get(staff_number)

    @cached_property
    def everybody(self) -> tuple[Agent, ...]:
        """All agents by staff number."""
        return tuple(agent for _, agent in sorted(self.agents.items()))

    def members(self, group: str) -> tuple[Agent, ...]:
        """The agents of a group, by staff number."""
        return self._members.get(group, ())

    def supervised_by(self, staff_number: str) -> tuple[str, ...]:
        """The groups that somebody answers for: as the group says, or one of its agents."""
        return tuple(sorted(self._supervised.get(staff_number, ())))

    def changed_groups(self, before: Roster) -> frozenset[str]:
        """The groups of those who are not as they were before, come or gone."""
        numbers = self.agents.keys() | before.agents.keys()
        pairs = ((self.agents.get(number), before.agents.get(number)) for number in numbers)
        changed = (agent for now, then in pairs if now != then for agent in (now, then))
        return frozenset(group for agent in changed if agent for group in agent.groups)

    @cached_property
    def _members(self) -> Mapping[str, tuple[Agent, ...]]:
        found: dict[str, list[Agent]] = {}
        for agent in self.everybody:
            for group in set(agent.groups):
                found.setdefault(group, []).append(agent)
        return {group: tuple(agents) for group, agents in found.items()}

    @cached_property
    def _supervised(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for group in self.groups.values():
            if group.supervisor is not None:
                found.setdefault(group.supervisor, set()).add(group.name)
        for agent in self.agents.values():
            if agent.supervisor is not None:
                found.setdefault(agent.supervisor, set()).update(agent.groups)
        return found


def remembered_as(by: Actor) -> str:
    """What is kept of who acted: an agent's staff number; of anybody else only the role."""
    return by.id if by.role in _STAFF else by.role.value
