"""The roster in the database and, for decisions, in memory: agents and groups, by file or by API.

Owns the tables `agent`, `staff_group` and `roster_state`. Names of agents are personal data: they
rest sealed, bound to their staff number.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from schemas.pack_checks import PackProblem
from services.escalation.core.roster import Agent, Group, Roster, RosterFile
from services.escalation.store import QUERIES, Session
from services.kit.sealing import Sealer
from services.packs import DEFAULT_PACK
from services.yaml_files import Document, read_yaml

EXAMPLE_ROSTER: Final = DEFAULT_PACK / "roster.yaml"


@dataclass(frozen=True, slots=True)
class GivenRoster:
    """A roster as a file gives it, and the file's lines."""

    document: Document
    roster: RosterFile


def load_roster(file: Path) -> GivenRoster:
    """A roster from YAML. Raises `InvalidFileError` with file, line and what is wrong."""
    document = read_yaml(file)
    try:
        return GivenRoster(document, RosterFile.model_validate(document.plain))
    except ValidationError as error:
        problems = [PackProblem(found["loc"], found["msg"]) for found in error.errors()]
        raise document.error(problems) from error


class Staff:
    """The roster of one installation.

    `roster` is what this process knows of it, whole: decisions read it without asking the
    database. It is refreshed after each change made here, and soon after one made elsewhere.
    """

    def __init__(self, sealer: Sealer) -> None:
        self.roster = Roster()
        self._sealer = sealer
        self._version: int | None = None
        self._seen: dict[str, tuple[Any, Agent]] = {}
        self._refreshing = asyncio.Lock()

    def subject(self, staff_number: str) -> UUID:
        """An agent as a data subject, as the notifier knows them too."""
        return self._sealer.subject_of("agent", f"agent:{staff_number}")

    async def refresh(self, session: Session) -> None:
        """Take the roster anew if it has changed; of one that has not, one small row is read."""
        async with self._refreshing:
            state = await session.fetchrow(QUERIES["roster_state"])
            # Read before the rows: a change that comes between is then seen once more, never lost.
            if state["version"] == self._version:
                return
            rows = await session.fetch(QUERIES["all_agents"])
            groups = [_group(row) for row in await session.fetch(QUERIES["all_groups"])]
            # Thousands of agents take a while to read; of those only who changed is read again.
            self._seen = {row["staff_number"]: (row, self._seen_agent(row)) for row in rows}
            left = await session.fetch(QUERIES["agents_left"])
            self.roster = Roster(
                agents={number: agent for number, (_, agent) in self._seen.items()},
                groups={group.name: group for group in groups},
                binding=state["given"],
                left=frozenset(row["staff_number"] for row in left),
            )
            self._version = state["version"]

    async def load(self, session: Session, roster: RosterFile, *, given: bool) -> None:
        """Take a roster in; one that the operator gives replaces the example, for good.

        A file that was taken in already is left alone: what was changed since by API stays. Who is
        not in it any more has left.
        """
        digest = self._sealer.blind("roster file", roster.model_dump_json(exclude_defaults=True))
        state = await session.fetchrow(QUERIES["roster_state"])
        if state["file"] == digest or (state["given"] and not given):
            return
        await self._begin(session, given=given)
        for agent in roster.agents:
            await self._write(session, agent, given=given)
        for group in roster.groups:
            await self._write_group(session, group, given=given)
        if given:
            named = [agent.staff_number for agent in roster.agents]
            await session.execute(QUERIES["settle_file"], named)
        await session.execute(QUERIES["note_roster_file"], digest)

    async def put_agent(self, session: Session, agent: Agent) -> None:
        """Write one agent, in a transaction; from the first one on, the roster binds."""
        await self._begin(session, given=True)
        await self._write(session, agent, given=True)

    async def remove_agent(self, session: Session, staff_number: str) -> bool:
        """Take out an agent who left, in a transaction; answers whether there was one.

        The relief takes back what they hold.
        """
        await self._begin(session, given=False)
        return await session.fetchrow(QUERIES["remove_agent"], staff_number) is not None

    async def put_group(self, session: Session, group: Group) -> None:
        """Write one group, in a transaction."""
        await self._begin(session, given=False)
        await self._write_group(session, group, given=True)

    async def _begin(self, session: Session, *, given: bool) -> None:
        await session.execute(QUERIES["touch_roster"], given)
        if given:
            await session.execute(QUERIES["drop_examples"])

    async def _write(self, session: Session, agent: Agent, *, given: bool) -> None:
        hours = agent.working_hours
        await session.execute(
            QUERIES["put_agent"],
            agent.staff_number,
            self._sealer.seal_raw(agent.name.encode(), _bound(agent.staff_number)),
            list(agent.groups),
            list(agent.languages),
            list(agent.skills),
            agent.supervisor,
            agent.absent,
            json.dumps([absence.model_dump(mode="json") for absence in agent.absences]),
            None if hours is None else hours.model_dump_json(exclude_defaults=True),
            given,
        )

    async def _write_group(self, session: Session, group: Group, *, given: bool) -> None:
        title = json.dumps(group.title, ensure_ascii=False)
        await session.execute(QUERIES["put_group"], group.name, title, group.supervisor, given)

    async def agent(self, session: Session, staff_number: str) -> Agent | None:
        """One agent; None when the roster has none of this number."""
        row = await session.fetchrow(QUERIES["agent"], staff_number)
        return None if row is None else self._agent(row)

    async def group(self, session: Session, name: str) -> Group | None:
        """One group; None when the roster has none of this name."""
        row = await session.fetchrow(QUERIES["group"], name)
        return None if row is None else _group(row)

    def _seen_agent(self, row: Any) -> Agent:
        before = self._seen.get(row["staff_number"])
        return before[1] if before is not None and before[0] == row else self._agent(row)

    def _agent(self, row: Any) -> Agent:
        hours = row["working_hours"]
        return Agent.model_validate(
            {
                **dict(row),
                "name": self._name(row),
                "absences": json.loads(row["absences"]),
                "working_hours": None if hours is None else json.loads(hours),
            }
        )

    def _name(self, row: Any) -> str:
        return self._sealer.open_raw(row["name"], _bound(row["staff_number"])).decode()


def _group(row: Any) -> Group:
    title = json.loads(row["title"])
    return Group(name=row["name"], title=title, supervisor=row["supervisor"])


def _bound(staff_number: str) -> bytes:
    return b"agent\x00" + staff_number.encode()
