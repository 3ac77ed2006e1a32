"""`GET /v1/audit/{service}`: who was shown what. Read by ops, and audited itself.

Owns the path, its filters and its cursor. Rows are only read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.kit.audit.reading import QUERIES
from services.kit.faults import Invalid
from services.kit.http import page, position_in
from services.kit.identity.access import OPS, Access, Rule
from services.kit.unit import Entities

_END: Final = 2**63 - 1


class AuditLine(BaseModel):
    """One reading, of one case or subject."""

    model_config = ConfigDict(frozen=True)

    at: str
    request: str
    role: str
    actor: str
    route: str
    shows: list[str]
    purpose: str | None
    case_id: str | None
    subject: str | None


class AuditPage(BaseModel):
    """Readings, newest first."""

    items: list[AuditLine]
    next: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which readings are looked for; all that is given must fit."""

    subject: UUID | None
    case_id: UUID | None
    actor: str | None
    since: datetime | None
    until: datetime | None
    before: int
    limit: int


def audit_access(service: str) -> Access:
    """Who may look the audit up."""
    return Access({f"GET /v1/audit/{service}": Rule(OPS, shows=frozenset({"audit"}))})


def build_audit_router(service: str, entities: Entities) -> APIRouter:
    """The route of one service."""
    router = APIRouter(prefix="/v1/audit", tags=["audit"])

    @router.get(f"/{service}", response_model=AuditPage, operation_id=f"read_audit_of_{service}")
    async def read_audit(
        subject: UUID | None = None,
        customer: Annotated[
            str | None, Query(max_length=200, description="the operator's id; for `subject`")
        ] = None,
        case_id: UUID | None = None,
        actor: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> dict[str, Any]:
        """Who was shown whose data, newest first; never the data."""
        about = subject
        if customer is not None:
            about = entities.sealer.subject_of("customer", customer)
            if subject not in (None, about):
                raise Invalid("/customer", "is somebody else than subject")
        wanted = Wanted(about, case_id, actor, since, until, position_in(cursor, _END), limit)
        return await _lookup(entities, wanted)

    return router


async def _lookup(entities: Entities, wanted: Wanted) -> dict[str, Any]:
    rows = await entities.db.fetch(*_statement(wanted), wanted.limit + 1)
    shown = rows[: wanted.limit]
    following = shown[-1]["pos"] if len(rows) > wanted.limit else None
    return page([_line(row) for row in shown], following)


def _statement(wanted: Wanted) -> tuple[Any, ...]:
    """By the index that leads; the others only filter."""
    when = (wanted.before, wanted.since, wanted.until)
    if wanted.subject is not None:
        return (QUERIES["of_subject"], wanted.subject, *when, wanted.case_id, wanted.actor)
    if wanted.case_id is not None:
        return (QUERIES["of_case"], wanted.case_id, *when, wanted.actor)
    if wanted.actor is not None:
        return (QUERIES["of_actor"], wanted.actor, *when)
    return (QUERIES["of_all"], *when)


def _line(row: Any) -> dict[str, Any]:
    named = {name: str(row[name]) if row[name] else None for name in ("case_id", "subject")}
    return {
        **{k: v for k, v in dict(row).items() if k != "pos"},
        **named,
        "at": row["at"].isoformat(),
    }
