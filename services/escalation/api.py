"""Escalation's HTTP: `/v1/ladders`, `/v1/queues`, `/v1/roster`, `/v1/policies`.

Owns paths, parameters and status codes (walkthrough, section 2). Parses, calls, answers; decides
nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from schemas.event import Model
from schemas.pack_clocks import Name
from schemas.report import Identifier
from services.escalation.core.commands import Command
from services.escalation.core.roster import Agent, AgentBody, Group, GroupBody
from services.escalation.ladders import Ladders
from services.escalation.staff import Staff
from services.escalation.store import QUERIES
from services.kit.faults import Invalid, NotFound
from services.kit.http import decode_cursor, page
from services.kit.idempotency import Answer, run_once
from services.kit.unit import Entities, Unit
from services.kit.waiting import wait_until

After = Annotated[str | None, Query(max_length=200, description="such as cases:17")]
Cursor = Annotated[str | None, Query(max_length=500)]
_M = TypeVar("_M", bound=Model)
Limit = Annotated[int, Query(ge=1, le=200)]


def build_routers(entities: Entities, ladders: Ladders, staff: Staff) -> list[APIRouter]:
    """Every route of the service."""
    return [
        _ladders(entities, ladders),
        _queues(ladders),
        _agents(entities, staff),
        _groups(entities, staff),
        _policies(entities),
    ]


def _ladders(entities: Entities, ladders: Ladders) -> APIRouter:
    router = APIRouter(prefix="/v1/ladders", tags=["ladders"])
    _add_ladder_reads(router, entities, ladders)
    _add_ladder_commands(router, entities, ladders)
    return router


def _add_ladder_reads(router: APIRouter, entities: Entities, ladders: Ladders) -> None:
    @router.get("/{case_id}")
    async def read_ladder(case_id: UUID, after: After = None) -> dict[str, Any]:
        """Where a case stands; waits until the case is known here, and for `after`."""
        await wait_until(entities, case_id, after)
        return await ladders.view(case_id)

    @router.get("/{case_id}/actions")
    async def list_actions(case_id: UUID, after: After = None) -> dict[str, Any]:
        """What other backends were asked to do for the case, each with its clock."""
        await wait_until(entities, case_id, after)
        return await ladders.actions(case_id)

    @router.get("/{case_id}/explain")
    async def explain_ladder(case_id: UUID, after: After = None) -> dict[str, Any]:
        """For each clock and rung: rule, digests, events, arithmetic, reason."""
        await wait_until(entities, case_id, after)
        return await ladders.explain(case_id)

    @router.get("/{case_id}/export")
    async def export_ladder(case_id: UUID, after: After = None) -> dict[str, Any]:
        """The journal of every decision with its policy: `explain` follows from it offline."""
        await wait_until(entities, case_id, after)
        return await ladders.export(case_id)


def _add_ladder_commands(router: APIRouter, entities: Entities, ladders: Ladders) -> None:
    @router.post("/{case_id}/commands")
    async def order(
        request: Request,
        case_id: UUID,
        command: Annotated[Command, Body()],
        after: After = None,
    ) -> Response:
        """Order something; 409 with the reason where it is refused."""
        await wait_until(entities, case_id, after)

        async def work(unit: Unit) -> Answer:
            entity, view = await ladders.obey(unit, case_id, command)
            return Answer(200, view, subject=entity.subject)

        return await run_once(request, entities, work)


def _queues(ladders: Ladders) -> APIRouter:
    router = APIRouter(prefix="/v1/queues", tags=["queues"])

    @router.get("/{group}")
    async def read_queue(
        group: Name,
        sort: Literal["next_due"] = "next_due",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """What a group holds, the next deadline first; what is paused comes last."""
        return await ladders.queue(group, cursor, limit)

    return router


def _agents(entities: Entities, staff: Staff) -> APIRouter:
    router = APIRouter(prefix="/v1/roster/agents", tags=["roster"])

    @router.get("")
    async def list_agents(
        group: Name | None = None, cursor: Cursor = None, limit: Limit = 50
    ) -> dict[str, Any]:
        """Agents by staff number, of one group if it is named."""
        after = decode_cursor(cursor) or ""
        if not isinstance(after, str):
            raise Invalid("/cursor", "not a cursor that a list of ours has given")
        found = await staff.agents(entities.db, after, group, limit + 1)
        last = found[limit - 1].staff_number if len(found) > limit else None
        return page([agent.model_dump(mode="json") for agent in found[:limit]], last)

    @router.get("/{staff_number}")
    async def read_agent(staff_number: Identifier) -> Agent:
        """One agent."""
        return _found(await staff.agent(entities.db, staff_number), "agent")

    @router.put("/{staff_number}")
    async def put_agent(staff_number: Identifier, body: AgentBody) -> Agent:
        """Write one agent; from the first one on, the roster binds."""
        _check_named(body.staff_number, staff_number, "/staff_number")
        agent = body.named(staff_number)
        async with entities.db.transaction() as connection:
            await staff.put_agent(connection, agent)
        await staff.refresh(entities.db)
        return agent

    return router


def _groups(entities: Entities, staff: Staff) -> APIRouter:
    router = APIRouter(prefix="/v1/roster/groups", tags=["roster"])

    @router.get("/{group}")
    async def read_group(group: Name) -> Group:
        """One group."""
        return _found(await staff.group(entities.db, group), "group")

    @router.put("/{group}")
    async def put_group(group: Name, body: GroupBody) -> Group:
        """Write one group."""
        _check_named(body.name, group, "/name")
        named = body.named(group)
        async with entities.db.transaction() as connection:
            await staff.put_group(connection, named)
        await staff.refresh(entities.db)
        return named

    return router


def _found(model: _M | None, kind: str) -> _M:
    if model is None:
        raise NotFound(f"no such {kind}")
    return model


def _check_named(said: str | None, path: str, pointer: str) -> None:
    if said is not None and said != path:
        raise Invalid(pointer, "must be the one in the path, or left out")


def _policies(entities: Entities) -> APIRouter:
    router = APIRouter(prefix="/v1/policies", tags=["policies"])

    @router.get("")
    async def list_policies() -> dict[str, Any]:
        """Every policy that a case may be pinned to, newest first."""
        rows = await entities.db.fetch(QUERIES["list_policies"])
        return page(
            [{**dict(row), "stored_at": row["stored_at"].isoformat()} for row in rows], None
        )

    @router.get("/{digest}")
    async def read_policy(digest: str) -> Response:
        """One policy, whole: the canonical JSON that its digest covers."""
        row = await entities.db.fetchrow(QUERIES["policy_document"], digest)
        if row is None:
            raise NotFound("no such policy")
        return Response(row["document"], media_type="application/json")

    return router
