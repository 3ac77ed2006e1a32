"""How a rule finds out whether a request is about the caller's own.

Owns the ways in which a request names its object. What is somebody else's is answered as if it
were not there, after the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.types import Scope

from services.kit.identity.denial import forbidden, not_found
from services.kit.identity.principal import Principal, Role, limit_to
from services.kit.waiting import WAIT_S

_POLL_S: Final = 0.03


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose things are: a caller as a data subject, and the one that an entity is about."""

    subject_of: Callable[[Principal], UUID]
    owner: Callable[[UUID], Awaitable[UUID | None]]


@dataclass(slots=True)
class Visit:
    """A request on its way in. `body` is its JSON, or None; a thing may narrow the query."""

    principal: Principal
    parameters: Mapping[str, str]
    query: str
    body: Any
    scope: Scope
    ownership: Ownership

    def subject(self) -> UUID:
        """The caller as a data subject."""
        return self.ownership.subject_of(self.principal)


class Thing(Protocol):
    """What a route is about. Raises `Denied` where it is not the caller's own."""

    async def check(self, visit: Visit) -> None: ...


@dataclass(frozen=True, slots=True)
class OwnCase:
    """The case of the path. Where the service itself `waits` for a case to be known, so do we."""

    waits: bool = False
    parameter: str = "case_id"

    async def check(self, visit: Visit) -> None:
        """Its data subject is the caller."""
        try:
            case = UUID(visit.parameters[self.parameter])
        except ValueError:
            return  # no case can have it; the route says what is wrong with it
        deadline = asyncio.get_running_loop().time() + (WAIT_S if self.waits else 0)
        caller = visit.subject()
        while await visit.ownership.owner(case) != caller:
            if asyncio.get_running_loop().time() >= deadline:
                raise not_found()
            await asyncio.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class OwnName:
    """The path names a person: a customer by id, staff as `agent:` or a `group:` of theirs."""

    parameter: str = "recipient_id"

    async def check(self, visit: Visit) -> None:
        """It is the caller."""
        if visit.parameters[self.parameter] not in _names(visit.principal):
            raise not_found()


def _names(principal: Principal) -> set[str]:
    if principal.role is Role.CUSTOMER:
        return {principal.id}
    return {f"agent:{principal.id}", *(f"group:{group}" for group in principal.groups)}


@dataclass(frozen=True, slots=True)
class OwnList:
    """A list that a query parameter narrows to one person."""

    parameter: str = "customer"

    async def check(self, visit: Visit) -> None:
        """The list is narrowed to the caller, whatever else it is asked for."""
        pairs = parse_qsl(visit.query, keep_blank_values=True)
        if {value for name, value in pairs if name == self.parameter} - {visit.principal.id}:
            raise forbidden("not_yours", f"{self.parameter} must be you, or left out")
        kept = [pair for pair in pairs if pair[0] != self.parameter]
        visit.query = urlencode([*kept, (self.parameter, visit.principal.id)])


@dataclass(frozen=True, slots=True)
class OwnReport:
    """A body that names its customer; what it turns out to be about must be theirs too."""

    async def check(self, visit: Visit) -> None:
        """The customer of the report is the caller."""
        customer = visit.body.get("customer") if isinstance(visit.body, dict) else None
        stated = customer.get("id") if isinstance(customer, dict) else None
        if isinstance(stated, str) and stated != visit.principal.id:
            raise forbidden("not_yours", "a customer reports for themselves")
        limit_to(visit.scope, visit.subject())
