"""Database, roles and schemas on the server of the local stack, and the DSN of each role."""

from __future__ import annotations

from collections.abc import Mapping

from services.ground.roles import DATABASE, ROLES, prepare
from services.local.postgres import Postgres


async def bootstrap(
    server: Postgres, passwords: Mapping[str, str], database: str = DATABASE
) -> dict[str, str]:
    """Make what is missing; returns the DSN per role. `passwords` has one per role of ROLES."""
    await prepare(server.dsn(), passwords, database)
    return {role: server.dsn(database, role, passwords[role]) for role in ROLES}
