"""The database, roles and schemas that the services expect to find. Idempotent.

Never creates a table: each service's migrations do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from schemas.topics import SERVICES
from services.local.postgres import Postgres

DATABASE: Final = "recourse"
KEYS: Final = "keys"
ROLES: Final = (*SERVICES, KEYS)

_ROLE: Final = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{role}') then create role {role}; end if;
end $$;
alter role {role} login password '{password}';
alter role {role} set search_path = {role};
"""
_SCHEMA: Final = """
create schema if not exists {role} authorization {role};
grant connect on database {database} to {role};
"""


async def bootstrap(
    server: Postgres, passwords: Mapping[str, str], database: str = DATABASE
) -> dict[str, str]:
    """Make database, roles and schemas where they are missing; returns the DSN per role.

    `passwords` has one per role of ROLES; they are set anew, so that they always fit.
    """
    connection = await asyncpg.connect(server.dsn())
    try:
        for role in ROLES:
            await connection.execute(_ROLE.format(role=role, password=passwords[role]))
        await _create_database(connection, database)
    finally:
        await connection.close()
    await _create_schemas(server.dsn(database), database)
    return {role: server.dsn(database, role, passwords[role]) for role in ROLES}


async def _create_database(connection: asyncpg.Connection, database: str) -> None:
    if not await connection.fetchval("select 1 from pg_database where datname = $1", database):
        await connection.execute(f'create database "{database}"')


async def _create_schemas(dsn: str, database: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(f'revoke all on database "{database}" from public')
            for role in ROLES:
                await connection.execute(_SCHEMA.format(role=role, database=f'"{database}"'))
    finally:
        await connection.close()
