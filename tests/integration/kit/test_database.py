"""Statements, migrations, sealing and the clock on a real PostgreSQL."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.kit import clock
from services.kit.db import Database
from services.kit.migrate import MigrationError, migrate
from services.kit.sealing import Sealer, UnsealError
from services.kit.unit import QUERIES
from tests.support import kit


async def test_every_statement_of_the_kit_can_be_prepared(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.READER):
        connection = await asyncpg.connect(dsns["escalation"])
        for statement in QUERIES.values():
            await connection.prepare(statement)
        await connection.close()
    assert len(QUERIES) > 40


async def test_a_changed_migration_is_refused(dsns: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "0001_first.sql"
    file.write_text("CREATE TABLE a (x int);")
    assert await migrate(dsns["intake"], [("x", tmp_path)]) == ["x/0001_first.sql"]
    assert await migrate(dsns["intake"], [("x", tmp_path)]) == []
    file.write_text("CREATE TABLE b (x int);")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed"):
        await migrate(dsns["intake"], [("x", tmp_path)])


async def test_a_misnamed_migration_is_refused(dsns: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "first.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"first\.sql is not named"):
        await migrate(dsns["intake"], [("x", tmp_path)])


async def test_sealed_data_opens_only_where_it_belongs_and_not_after_erasure(
    dsns: dict[str, str],
) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities:
        sealer, subject = entities.sealer, uuid.uuid4()
        blob = await sealer.seal_bytes(subject, "张三".encode(), b"row 1")
        assert blob is not None
        assert "张三".encode() not in blob
        assert await sealer.open_bytes(subject, blob, b"row 1") == "张三".encode()
        with pytest.raises(UnsealError):
            await sealer.open_bytes(subject, blob, b"row 2")
        keys = await Database.open(dsns["keys"], name="other", size=1)
        other = Sealer(keys, kit.MASTER, "other")
        assert await other.open_bytes(subject, blob, b"row 1") == "张三".encode()
        assert await sealer.erase(subject)
        fresh = Sealer(keys, kit.MASTER, "fresh")
        assert await fresh.open_bytes(subject, blob, b"row 1") is None
        assert await fresh.seal_bytes(subject, b"again", b"row 1") is None
        assert await keys.fetch("SELECT 1 FROM key_use WHERE service = 'other'")
        await keys.close()


async def test_another_master_key_opens_nothing(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities:
        subject = uuid.uuid4()
        blob = await entities.sealer.seal_bytes(subject, b"x", b"")
        assert blob is not None
        keys = await Database.open(dsns["keys"], name="thief", size=1)
        with pytest.raises(UnsealError):
            await Sealer(keys, b"t" * 32, "thief").open_bytes(subject, blob, b"")
        await keys.close()


async def test_the_simulated_clock_stands_still_until_it_is_moved(dsns: dict[str, str]) -> None:
    async with kit.entities(dsns, kit.WRITER) as entities:
        real = await entities.now()
        assert real.speed is None
        origin = datetime(2026, 11, 20, 1, 50, tzinfo=UTC)
        await entities.db.execute(
            'INSERT INTO simulated_clock (origin, speed, "offset", moved_at) '
            "VALUES ($1, 0, interval '0', clock_timestamp())",
            origin,
        )
        assert (await entities.now()).domain == (await entities.now()).domain == origin
        await entities.db.execute("UPDATE simulated_clock SET \"offset\" = interval '15 minutes'")
        assert (await entities.now()).domain == origin + timedelta(minutes=15)


def test_lateness_counts_from_the_later_of_due_and_known() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    real = clock.Now(domain=at, real=at)
    assert real.lateness_ms(at - timedelta(seconds=9), at - timedelta(seconds=2)) == 2000
    assert real.lateness_ms(at + timedelta(seconds=9), None) == 0
    still = clock.Now(domain=at, real=at, speed=0.0, moved_at=at - timedelta(seconds=3))
    assert still.lateness_ms(at - timedelta(days=9), None) == 3000
    assert still.lateness_ms(at - timedelta(days=9), at - timedelta(seconds=1)) == 1000


async def test_sessions_have_time_outs(dsns: dict[str, str]) -> None:
    db = await Database.open(dsns["intake"], name="x", lock_timeout_s=0.05)
    async with db.transaction() as connection:
        await connection.execute("CREATE TABLE held (x int)")
    async with db.transaction() as holder:
        await holder.execute("LOCK TABLE held")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await db.execute("SELECT * FROM held")
    await db.close()
