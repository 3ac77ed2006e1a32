"""The database, roles and schemas that the services expect to find. Idempotent.

A role owns the schema of its name and sees nothing else. Never creates a table: each service's
migrations do, as that role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from schemas.topics import SERVICES

DATABASE: Final = "recourse"
KEYS: Final = "keys"
ROLES: Final = (*SERVICES, KEYS)

_ROLE: Final = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{role}') then create role {role}; end if;
end $$;
alter role {role} login password {password};
alter role {role} set search_path = {role};
"""
_SCHEMA: Final = """
create schema if not exists {role} authorization {role};
grant connect on database {database} to {role};
"""


async def prepare(admin_dsn: str, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Make database, roles and schemas where they are missing.

    `admin_dsn` may be of any database of the server. `passwords` has one per role of ROLES; they
    are set anew, so that they always fit.
    """
    connection = await asyncpg.connect(admin_dsn)
    try:
        for role in ROLES:
            password = await connection.fetchval("select quote_literal($1)", passwords[role])
            await connection.execute(_ROLE.format(role=role, password=password))
        await _create_database(connection, database)
    finally:
        await connection.close()
    await _create_schemas(admin_dsn, database)


async def _create_database(connection: asyncpg.Connection, database: str) -> None:
    if not await connection.fetchval("select 1 from pg_database where datname = $1", database):
        await connection.execute(f'create database "{database}"')


async def _create_schemas(admin_dsn: str, database: str) -> None:
    connection = await asyncpg.connect(admin_dsn, database=database)
    try:
        async with connection.transaction():
            await connection.execute(f'revoke all on database "{database}" from public')
            for role in ROLES:
                await connection.execute(_SCHEMA.format(role=role, database=f'"{database}"'))
    finally:
        await connection.close()
