"""From settings to entities: migrate, open the pools, wait for what is not there yet.

Owns the order and the patience. Answers what must be closed in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from services.kit.blueprint import Blueprint
from services.kit.db import UNREACHABLE, Database
from services.kit.migrate import migrate
from services.kit.sealing import Sealer, master_key_from
from services.kit.settings import Settings
from services.kit.unit import Entities

_log = structlog.get_logger(__name__)
_KIT = Path(__file__).parent
KEYS_MIGRATIONS = _KIT / "keys_migrations"
MIGRATIONS = _KIT / "migrations"
Closing = list[Callable[[], Awaitable[None]]]


async def connect(blueprint: Blueprint, settings: Settings) -> tuple[Entities, Closing]:
    """Connect, however long the database takes to come. Raises only what waiting cannot mend."""
    pause_s = 0.1
    while True:
        try:
            await migrate_all(blueprint, settings)
            entities, closing = await open_pools(blueprint, settings)
        except UNREACHABLE as error:
            _log.warning("database_unreachable", error=type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(5.0, pause_s * 2)
        else:
            await _until_the_clock_is_set(entities, settings)
            return entities, closing


async def migrate_all(blueprint: Blueprint, settings: Settings) -> list[str]:
    """Bring the keys' schema and the service's own up to date; answers what was applied."""
    keys = await migrate(settings.keys_dsn, [("keys", KEYS_MIGRATIONS)])
    folders = [("kit", MIGRATIONS), (blueprint.name, blueprint.migrations)]
    return keys + await migrate(settings.database_dsn, folders)


async def open_pools(blueprint: Blueprint, settings: Settings) -> tuple[Entities, Closing]:
    """The entities of a service on pools of their own."""
    master = master_key_from(settings.master_key.get_secret_value())
    db = await Database.open(
        settings.database_dsn,
        name=blueprint.name,
        size=settings.pool_size,
        statement_timeout_s=settings.statement_timeout_s,
        lock_timeout_s=settings.lock_timeout_s,
        idle_in_transaction_timeout_s=settings.idle_in_transaction_timeout_s,
    )
    keys = await Database.open(settings.keys_dsn, name=f"{blueprint.name}.keys", size=2)
    sealer = Sealer(keys, master, blueprint.name)
    entities = Entities(db, blueprint.streams, blueprint.codec, sealer)
    return entities, [db.close, keys.close]


async def _until_the_clock_is_set(entities: Entities, settings: Settings) -> None:
    """Where time is to be simulated nothing may happen at a real instant before it is."""
    while settings.simulated_clock and (await entities.now()).speed is None:
        await asyncio.sleep(0.05)
