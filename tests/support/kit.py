"""A tiny service for the kit's tests: it remembers in its state what it was told, in order."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr

import services.kit
from schemas.case import IdentityVerified
from schemas.vocabulary import Status
from schemas.wire import Wire
from services.kit.db import Database
from services.kit.entities import Decided, Decision, Entity, Incoming, Wake
from services.kit.migrate import migrate
from services.kit.rows import Streams
from services.kit.sealing import Sealer
from services.kit.settings import Settings
from services.kit.sorting import Reader
from services.kit.unit import Entities, Unit
from services.local.broker import BrokerAddress, KafkaProfile

KIT = Path(services.kit.__file__).parent
MASTER = b"m" * 32
SUBJECT = UUID(int=7)
WRITER = Streams("intake", (), ("cases",))
READER = Streams("escalation", ("cases",), ("escalations",))


@asynccontextmanager
async def entities(dsns: dict[str, str], streams: Streams) -> AsyncIterator[Entities]:
    """The entities of one service on a migrated schema."""
    await migrate(dsns["keys"], [("keys", KIT / "keys_migrations")])
    await migrate(dsns[streams.source], [("kit", KIT / "migrations")])
    db = await Database.open(dsns[streams.source], name=streams.source)
    keys = await Database.open(dsns["keys"], name="keys", size=2)
    try:
        yield Entities(db, streams, Wire(), Sealer(keys, MASTER, streams.source))
    finally:
        await db.close()
        await keys.close()


def reader(prefix: str) -> Reader:
    """How the reading service sorts records."""
    return Reader(prefix, frozenset({"cases"}), frozenset({"reports"}), "stream-control", Wire())


def settings(dsns: dict[str, str], broker: BrokerAddress, prefix: str, role: str) -> Settings:
    """Settings as a service would have them."""
    return settings_for(dsns, broker.bootstrap, broker.profile, prefix, role)


def settings_for(
    dsns: dict[str, str],
    bootstrap: str,
    profile: KafkaProfile,
    prefix: str,
    role: str = "escalation",
) -> Settings:
    """The same for a broker that need not run yet."""
    return Settings(
        database_dsn=dsns[role],
        keys_dsn=dsns["keys"],
        master_key=SecretStr(base64.b64encode(MASTER).decode()),
        kafka_bootstrap=bootstrap,
        kafka_profile=profile.value,
        topics_prefix=prefix,
    )


async def emit(unit: Unit, case: UUID, method: str) -> None:
    """One event on `cases` whose method says `method`."""
    (entity,) = (await unit.lock([case], create=True)).values()
    event = IdentityVerified(status=Status.OPEN, method=method)
    number = entity.position("cases") + 1
    decision = Decision(b"{}", (("cases", event),), None, SUBJECT)
    unit.apply(entity, decision, UUID(int=number))


class Memory:
    """Logic that appends `method` to its state; `poison` raises, wake-ups are counted."""

    def __init__(self, poison: str = "") -> None:
        self.poison = poison
        self.wakes: list[Wake] = []
        self.written = 0

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision:
        method = str(incoming.data["method"])
        if method == self.poison:
            raise RuntimeError("cannot decide this")
        heard = [*heard_by(entity), method]
        wake_at = now + timedelta(hours=1) if method == "wake" else None
        return Decision(json.dumps(heard).encode(), (), wake_at, SUBJECT)

    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
        self.wakes.append(wake)
        return Decision(None, (), None)

    async def write(self, unit: Unit, decided: Sequence[Decided]) -> None:
        self.written += len(decided)


def heard_by(entity: Entity | None) -> list[str]:
    """What the memory of an entity holds."""
    return list(json.loads(entity.state)) if entity and entity.state else []


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 30) -> None:
    """Wait for a condition; fails loudly when it does not come."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError("the condition did not come true in time")
        await asyncio.sleep(0.02)
