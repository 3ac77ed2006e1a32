"""The people at the operator, as the ladder needs to know them.

Owns: the models of agents and groups, and whether a staff number may hold a case. Names are
personal data: they rest sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from schemas.event import Model
from schemas.pack_clocks import Name
from schemas.report import Actor, Identifier, Locale, ShortText
from schemas.vocabulary import Role

_STAFF: Final = frozenset({Role.AGENT, Role.SUPERVISOR})


class _AgentFields(Model):
    name: ShortText
    groups: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    languages: Annotated[tuple[Locale, ...], Field(max_length=50)] = ()
    skills: Annotated[tuple[ShortText, ...], Field(max_length=50)] = ()
    supervisor: Identifier | None = None
    absent: bool = False


class Agent(_AgentFields):
    """One agent. `absent` agents keep their place but are handed nothing new."""

    staff_number: Identifier


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

    def knows(self, staff_number: str) -> bool:
        """Whether this agent may hold a case."""
        return not self.binding or staff_number in self.names


def remembered_as(by: Actor) -> str:
    """What is kept of who acted: an agent's staff number; of anybody else only the role."""
    return by.id if by.role in _STAFF else by.role.value
