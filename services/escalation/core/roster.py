"""The people at the operator, as the ladder needs to know them.

Owns: the models of agents and groups, and whether a staff number may hold a case. Names are
personal data: they rest sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from schemas.event import Model
from schemas.pack import Name
from schemas.report import Identifier, Locale, ShortText


class Agent(Model):
    """One agent. `absent` agents keep their place but are handed nothing new."""

    staff_number: Identifier
    name: ShortText
    groups: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    languages: Annotated[tuple[Locale, ...], Field(max_length=50)] = ()
    skills: Annotated[tuple[ShortText, ...], Field(max_length=50)] = ()
    supervisor: Identifier | None = None
    absent: bool = False


class Group(Model):
    """One group of agents, beside what the pack says of it."""

    name: Name
    title: dict[str, ShortText] = Field(default_factory=dict)
    supervisor: Identifier | None = None


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
