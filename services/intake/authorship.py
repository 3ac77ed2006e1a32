"""Who acts in a request of intake, by the caller's credential and what the body says.

Owns that a customer reports as themselves and staff name nobody else. Never checks a credential,
never decides what follows.
"""

from __future__ import annotations

from fastapi import Request

from schemas.report import Actor, Report
from services.kit.identity.principal import Role, acting, caller


def actor_in(request: Request, stated: Actor | None) -> Actor | None:
    """Who acts; as stated while identity is off. Raises `Forbidden` where it is somebody else."""
    said = None if stated is None else stated.model_dump(mode="json", exclude_none=True)
    by = acting(request, said)
    return None if by is None else Actor.model_validate(by)


def signed(request: Request, report: Report) -> Report:
    """The report as the caller may make it. Only a backend passes on somebody else's."""
    who = caller(request.scope)
    if who is None or who.role is Role.BACKEND:
        return report
    if report.by is None and who.role is not Role.CUSTOMER:
        return report  # what an agent types in is still what the customer said
    return report.model_copy(update={"by": actor_in(request, report.by)})
