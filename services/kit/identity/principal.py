"""Whoever asks: the role, whom they stand for, and what that lets them say of themselves.

Owns the shape and the roles. Never finds out whether it is true; see `tokens` and `api_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import Scope

from services.kit.faults import Forbidden, Refused


class Role(StrEnum):
    """What a caller is. A supervisor is an agent who may do more."""

    BACKEND = "backend"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    CUSTOMER = "customer"
    OPS = "ops"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose credential was good.

    `id` is the staff number of agents and supervisors, the operator's customer id of customers,
    else the subject. `narrowed` says that the scopes are all that this credential may do; without
    it they only add what needs to be named.
    """

    role: Role
    id: str
    name: str | None = None
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    narrowed: bool = False

    def actor(self, stated: object) -> dict[str, Any] | None:
        """Who acts, given what the body says about it; None where that is somebody else."""
        said: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
        if said.get("id", self.id) != self.id or said.get("role", self.role) not in self.acts_as():
            return None
        name = self.name or said.get("name")
        role = said.get("role", self.role.value)
        return {"role": role, "id": self.id, **({} if name is None else {"name": name})}

    def acts_as(self) -> frozenset[str]:
        """The roles that a command of theirs may name."""
        return frozenset({"agent", "supervisor"} if self.role is Role.SUPERVISOR else {self.role})


def caller(scope: Scope) -> Principal | None:
    """Who makes a request; None while identity is off."""
    found: Principal | None = scope.get("state", {}).get("principal")
    return found


def acting(request: HTTPConnection, stated: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Who acts in a request whose body is no JSON; as stated while identity is off.

    Raises `Forbidden` where somebody else is stated.
    """
    who = caller(request.scope)
    if who is None:
        return stated
    actor = who.actor(stated)
    if actor is None:
        raise Forbidden("by_is_not_you", "by must be the holder of the credential, or left out")
    return actor


def limit_to(scope: Scope, subject: UUID) -> None:
    """From here on the request may only meet what is this data subject's."""
    scope.setdefault("state", {})["only"] = subject


def check_own(request: HTTPConnection, subject: UUID | None) -> None:
    """What a request came upon must be the caller's own. Raises `Refused` before it is told."""
    only = request.scope.get("state", {}).get("only")
    if only is not None and subject != only:
        raise Refused("external_id_taken", "this identity of a report is already in use")
