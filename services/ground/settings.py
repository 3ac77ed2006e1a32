"""The settings of `recourse database prepare`: an administrator's way in, and each role's own.

A role's password is in its DSN and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import Field

from services.ground.roles import ROLES
from services.kit.settings import FileSettings


class DatabaseSettings(FileSettings):
    """Who may create roles, and what the roles are to be."""

    admin_dsn: str = Field(description="DSN of a role that may create roles and databases")
    intake_dsn: str = Field(description="intake's RECOURSE_DATABASE_DSN")
    escalation_dsn: str = Field(description="escalation's RECOURSE_DATABASE_DSN")
    notifier_dsn: str = Field(description="the notifier's RECOURSE_DATABASE_DSN")
    keys_dsn: str = Field(description="every service's RECOURSE_KEYS_DSN")


@dataclass(frozen=True, slots=True)
class Roles:
    """What the DSNs say: one database, a password for each role."""

    database: str
    passwords: Mapping[str, str]


def roles_of(settings: DatabaseSettings) -> Roles:
    """The roles that the DSNs want. Raises ValueError, never with a DSN in it."""
    databases: set[str] = set()
    passwords: dict[str, str] = {}
    for role in ROLES:
        parts = urlsplit(getattr(settings, f"{role}_dsn"))
        name = f"RECOURSE_{role.upper()}_DSN"
        if unquote(parts.username or "") != role:
            raise ValueError(f"{name} must be of role {role}, whose schema has its name")
        if not parts.password:
            raise ValueError(f"{name} has no password")
        databases.add(unquote(parts.path.removeprefix("/")))
        passwords[role] = unquote(parts.password)
    if len(databases) != 1 or databases == {""}:
        raise ValueError("the DSNs must name one database, the same for all")
    return Roles(databases.pop(), passwords)
