"""Escalation's HTTP: `/v1/ladders` and `/v1/queues`; roster and policies have modules of their own.

Owns paths, parameters and status codes (walkthrough, section 2). Parses, calls, answers; decides
nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from schemas.pack_clocks import Name
from schemas.report import Identifier
from services.escalation.core.commands import Command, Digest
from services.escalation.core.policy import Policy
from services.escalation.export_api import export_router
from services.escalation.histories import histories
from services.escalation.ladders import Ladders
from services.escalation.policy_api import build_policy_router
from services.escalation.roster_api import Cursor, Limit, build_roster_routers
from services.escalation.shadow_report import shadow_report
from services.escalation.staff import Staff
from services.escalation.store import PolicyBook
from services.kit.audit.lookup import build_audit_router
from services.kit.audit.reading import shown
from services.kit.idempotency import Answer, run_once
from services.kit.unit import Entities, Unit
from services.kit.waiting import wait_until

After = Annotated[str | None, Query(max_length=200, description="such as cases:17")]
Holder = Annotated[
    Identifier | None, Query(description="only what this staff number holds; none: what nobody has")
]


def build_routers(
    entities: Entities, ladders: Ladders, staff: Staff, book: PolicyBook, shadow: Policy | None
) -> list[APIRouter]:
    """Every route of the service; `shadow` is the pack that runs beside the real one."""
    return [
        _shadow(entities, shadow),
        _ladders(entities, ladders),
        _queues(ladders),
        *build_roster_routers(entities, staff),
        build_policy_router(entities, book),
        build_audit_router("escalation", entities),
        export_router(entities, book),
    ]


def _ladders(entities: Entities, ladders: Ladders) -> APIRouter:
    router = APIRouter(prefix="/v1/ladders", tags=["ladders"])
    _add_ladder_reads(router, entities, ladders)
    _add_ladder_commands(router, entities, ladders)
    return router


def _add_ladder_reads(router: APIRouter, entities: Entities, ladders: Ladders) -> None:
    @router.get("/export")
    async def export_histories(
        request: Request, cursor: Cursor = None, limit: Limit = 200
    ) -> dict[str, Any]:
        """What happened to every case, by case id: what `recourse policy simulate` plays again."""
        return _lines(request, await histories(entities, cursor, limit))

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

    @router.get("/{case_id}/migration")
    async def simulate_migration(case_id: UUID, to: Digest, after: After = None) -> dict[str, Any]:
        """What `migrate` to the policy of this digest would do, and the token that allows it."""
        await wait_until(entities, case_id, after)
        return await ladders.simulate_migration(case_id, to)


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
        request: Request,
        group: Name,
        sort: Literal["next_due"] = "next_due",
        holder: Holder = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """What a group holds, the next deadline first; what is paused comes last."""
        return _lines(request, await ladders.queue(group, holder, cursor, limit))

    return router


def _lines(request: Request, found: dict[str, Any]) -> dict[str, Any]:
    shown(request, [UUID(line["case_id"]) for line in found["items"]])
    return found


def _shadow(entities: Entities, policy: Policy | None) -> APIRouter:
    router = APIRouter(prefix="/v1/policies", tags=["policies"])

    @router.get("/shadow", responses={404: {"description": "No pack runs in the shadow"}})
    async def read_shadow() -> dict[str, Any]:
        """What the shadow pack would have done to the cases opened since, beside what was done."""
        return await shadow_report(entities.db, policy)

    return router
