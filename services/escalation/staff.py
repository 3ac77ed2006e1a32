"""The roster in the database: agents and groups, by file or by API.

Owns the tables `agent` and `staff_group`. Names of agents are personal data: they rest sealed,
bound to their staff number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from schemas.pack_checks import PackProblem
from services.escalation.core.roster import Agent, Group, KnownAgents, RosterFile
from services.escalation.store import QUERIES, Session
from services.kit.sealing import Sealer
from services.packs import DEFAULT_PACK, read_yaml

EXAMPLE_ROSTER: Final = DEFAULT_PACK / "roster.yaml"


def read_roster(file: Path) -> RosterFile:
    """A roster from YAML. Raises `InvalidFileError` with file, line and what is wrong."""
    document = read_yaml(file)
    try:
        return RosterFile.model_validate(document.plain)
    except ValidationError as error:
        problems = [PackProblem(found["loc"], found["msg"]) for found in error.errors()]
        raise document.error(problems) from error


class Staff:
    """The roster of one installation."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def load(self, session: Session, roster: RosterFile, *, given: bool) -> None:
        """Take a roster in; one that the operator gives replaces the example, for good."""
        if not given and (await self.known(session, ())).binding:
            return
        for agent in roster.agents:
            await self.put_agent(session, agent, given=given)
        for group in roster.groups:
            await self.put_group(session, group)

    async def put_agent(self, session: Session, agent: Agent, *, given: bool = True) -> None:
        """Write one agent."""
        if given:
            await session.execute(QUERIES["drop_examples"])
        await session.execute(
            QUERIES["put_agent"],
            agent.staff_number,
            self._sealer.seal_raw(agent.name.encode(), _bound(agent.staff_number)),
            list(agent.groups),
            list(agent.languages),
            list(agent.skills),
            agent.supervisor,
            agent.absent,
            given,
        )

    async def agent(self, session: Session, staff_number: str) -> Agent | None:
        """One agent; None when the roster has none of this number."""
        row = await session.fetchrow(QUERIES["agent"], staff_number)
        return None if row is None else self._agent(row)

    async def agents(
        self, session: Session, after: str, group: str | None, limit: int
    ) -> list[Agent]:
        """Agents by staff number, of one group if it is named."""
        rows = await session.fetch(QUERIES["agents"], after, group, limit)
        return [self._agent(row) for row in rows]

    async def known(self, session: Session, staff_numbers: Iterable[str]) -> KnownAgents:
        """What the roster says of these staff numbers, and whether it binds."""
        rows = await session.fetch(QUERIES["known_agents"], sorted(set(staff_numbers)))
        names = {row["staff_number"]: self._name(row) for row in rows if row["staff_number"]}
        return KnownAgents(names, binding=any(row["given"] for row in rows))

    async def put_group(self, session: Session, group: Group) -> None:
        """Write one group."""
        title = json.dumps(group.title, ensure_ascii=False)
        await session.execute(QUERIES["put_group"], group.name, title, group.supervisor)

    async def group(self, session: Session, name: str) -> Group | None:
        """One group; None when the roster has none of this name."""
        row = await session.fetchrow(QUERIES["group"], name)
        if row is None:
            return None
        title = json.loads(row["title"])
        return Group(name=row["name"], title=title, supervisor=row["supervisor"])

    def _agent(self, row: Any) -> Agent:
        fields = {name: row[name] for name in Agent.model_fields if name != "name"}
        return Agent.model_validate({**fields, "name": self._name(row)})

    def _name(self, row: Any) -> str:
        return self._sealer.open_raw(row["name"], _bound(row["staff_number"])).decode()


def _bound(staff_number: str) -> bytes:
    return b"agent\x00" + staff_number.encode()
