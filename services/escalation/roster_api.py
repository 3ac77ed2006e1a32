"""`/v1/roster`: agents, groups, and what supervisors see of theirs.

Owns paths, parameters and status codes. Parses, calls, answers; decides nothing. Lists are read
from the roster in memory, brought up to date first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request

from schemas.event import Model
from schemas.pack_clocks import Name
from schemas.report import Identifier, Locale
from services.escalation.core.roster import (
    Agent,
    AgentBody,
    Group,
    GroupBody,
    Roster,
    StaffNumber,
)
from services.escalation.core.supervision import (
    Wanted,
    agents_where,
    person,
    supervisor_view,
)
from services.escalation.staff import Staff
from services.escalation.store import loads
from services.escalation.supervision import workload_of
from services.kit.audit.reading import shown
from services.kit.faults import Invalid, NotFound
from services.kit.http import decode_cursor, page
from services.kit.unit import Entities

Cursor = Annotated[str | None, Query(max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200)]
_M = TypeVar("_M", bound=Model)


def build_roster_routers(entities: Entities, staff: Staff) -> list[APIRouter]:
    """Every route of the roster."""
    people = APIRouter(prefix="/v1/roster", tags=["roster"])
    _add_agent_lists(people, entities, staff)
    _add_agents(people, entities, staff)
    _add_groups(people, entities, staff)
    _add_supervisors(people, entities, staff)
    return [people]


def _add_agent_lists(router: APIRouter, entities: Entities, staff: Staff) -> None:
    @router.get("/agents")
    async def list_agents(
        request: Request,
        group: Name | None = None,
        absent: bool | None = None,
        language: Locale | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Agents by staff number: of a group, absent now or not, who speak a language."""
        roster = await _roster(entities, staff)
        now = (await entities.now()).domain
        found = agents_where(roster, Wanted(group, absent, language), now)
        after = _last_seen(cursor)
        rest = (each for each in found if each.staff_number > after)
        body = _page(rest, limit, "staff_number")
        _shown(request, staff, [each["staff_number"] for each in body["items"]])
        return body


def _add_agents(router: APIRouter, entities: Entities, staff: Staff) -> None:
    @router.get("/agents/{staff_number}")
    async def read_agent(request: Request, staff_number: Identifier) -> Agent:
        """One agent."""
        _shown(request, staff, [staff_number])
        return _found(await staff.agent(entities.db, staff_number), "agent")

    @router.put("/agents/{staff_number}")
    async def put_agent(request: Request, staff_number: StaffNumber, body: AgentBody) -> Agent:
        """Write one agent; from the first one on, the roster binds."""
        _shown(request, staff, [staff_number])
        _check_named(body.staff_number, staff_number, "/staff_number")
        agent = body.named(staff_number)
        async with entities.db.transaction() as connection:
            await staff.put_agent(connection, agent)
        await staff.refresh(entities.db)
        return agent

    @router.delete("/agents/{staff_number}")
    async def delete_agent(request: Request, staff_number: Identifier) -> dict[str, Any]:
        """An agent left: what they hold is taken back soon, and they can claim no more."""
        _shown(request, staff, [staff_number])
        agent = _found(await staff.agent(entities.db, staff_number), "agent")
        async with entities.db.transaction() as connection:
            if not await staff.remove_agent(connection, staff_number):
                raise NotFound("no such agent")
            held = await loads(connection, [staff_number])
        roster = await _roster(entities, staff)
        return {
            "staff_number": staff_number,
            "held": held[staff_number],
            "groups": list(agent.groups),
            "supervisor": person(roster, agent.supervisor),
        }


def _add_groups(router: APIRouter, entities: Entities, staff: Staff) -> None:
    @router.get("/groups")
    async def list_groups(cursor: Cursor = None, limit: Limit = 50) -> dict[str, Any]:
        """Groups by name."""
        roster = await _roster(entities, staff)
        after = _last_seen(cursor)
        names = (name for name in sorted(roster.groups) if name > after)
        return _page((roster.groups[name] for name in names), limit, "name")

    @router.get("/groups/{group}")
    async def read_group(group: Name) -> Group:
        """One group."""
        return _found(await staff.group(entities.db, group), "group")

    @router.put("/groups/{group}")
    async def put_group(group: Name, body: GroupBody) -> Group:
        """Write one group."""
        _check_named(body.name, group, "/name")
        named = body.named(group)
        async with entities.db.transaction() as connection:
            await staff.put_group(connection, named)
        await staff.refresh(entities.db)
        return named


def _add_supervisors(router: APIRouter, entities: Entities, staff: Staff) -> None:
    @router.get("/supervisors/{staff_number}")
    async def read_supervisor(
        request: Request,
        staff_number: Identifier,
        breaches: Annotated[int, Query(ge=0, le=100)] = 10,
    ) -> dict[str, Any]:
        """The groups that somebody answers for: load, people, and each one's next breaches."""
        roster = await _roster(entities, staff)
        groups = roster.supervised_by(staff_number)
        if not groups:
            raise NotFound("nobody with this staff number supervises a group")
        workload = await workload_of(entities.db, roster, groups, breaches)
        due = (UUID(line["case_id"]) for lines in workload.breaches.values() for line in lines)
        shown(request, due)
        _shown(request, staff, [staff_number, *workload.held])
        return supervisor_view(roster, staff_number, workload, (await entities.now()).domain)


def _shown(request: Request, staff: Staff, staff_numbers: Iterable[str]) -> None:
    """Agents are data subjects, too: their names are private."""
    shown(request, subjects=[staff.subject(number) for number in staff_numbers])


async def _roster(entities: Entities, staff: Staff) -> Roster:
    await staff.refresh(entities.db)
    return staff.roster


def _last_seen(cursor: str | None) -> str:
    after = decode_cursor(cursor) or ""
    if not isinstance(after, str):
        raise Invalid("/cursor", "not a cursor that a list of ours has given")
    return after


def _page(found: Iterable[Model], limit: int, key: str) -> dict[str, Any]:
    """The first of what was found; `key` names the field that the cursor stands on."""
    first = list(islice(found, limit + 1))
    last = getattr(first[limit - 1], key) if len(first) > limit else None
    return page([each.model_dump(mode="json") for each in first[:limit]], last)


def _found(model: _M | None, kind: str) -> _M:
    if model is None:
        raise NotFound(f"no such {kind}")
    return model


def _check_named(said: str | None, path: str, pointer: str) -> None:
    if said is not None and said != path:
        raise Invalid(pointer, "must be the one in the path, or left out")
