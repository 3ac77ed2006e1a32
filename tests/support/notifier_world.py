"""The notifier on a real database, with stand-ins for the two services that it listens to.

Events are numbered, hashed and sealed by the kit of intake and escalation, as in life, and are
handed to the notifier's consumer as the records that the broker would carry.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from schemas.case import CaseOpened
from schemas.event import EventData
from schemas.wire import Wire
from services.kit.consumer import Consumer
from services.kit.entities import Decision
from services.kit.migrate import migrate
from services.kit.rows import Streams
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.kit.wire import StoredRecord
from services.notifier.app import MIGRATIONS, STREAMS
from services.notifier.freeze import Freezer
from services.notifier.handlers import NotifierLogic
from services.notifier.render import Renderer
from services.notifier.store import keep_policies
from services.packs import DEFAULT_PACK, load_pack
from tests.support import kit

PREFIX = "t."
READER = Reader(PREFIX, frozenset({"cases", "escalations"}), frozenset(), "stream-control", Wire())
UPSTREAM = {
    "cases": Streams("intake", (), ("cases",)),
    "escalations": Streams("escalation", ("cases",), ("escalations",)),
}


@dataclass
class World:
    """Upstream services, the notifier and its consumer."""

    upstream: dict[str, Entities]
    notifier: Entities
    consumer: Consumer
    logic: NotifierLogic
    records: list[StoredRecord] = field(default_factory=list)

    def subject_of(self, customer_id: str) -> UUID:
        """The opaque id of a customer."""
        return self.notifier.sealer.subject_of("customer", customer_id)

    async def hear(self, case_id: UUID, *events: EventData) -> None:
        """The notifier takes these events of a case, one batch each."""
        for event in events:
            await self.consumer.handle([await self.emitted(case_id, event)])

    async def emitted(self, case_id: UUID, event: EventData) -> StoredRecord:
        """The record of an event that the service that owns its topic has emitted."""
        topic = "cases" if hasattr(event, "status") else "escalations"
        entities = self.upstream[topic]
        subject = event.data_subject if isinstance(event, CaseOpened) else None
        async with entities.transaction() as unit:
            entity = (await unit.lock([case_id], create=True))[case_id]
            if topic == "escalations":
                known = await self.upstream["cases"].read(case_id)
                entity.inputs["cases"].sequence = known.position("cases") if known else 0
            trigger = uuid.uuid5(case_id, f"{topic}{entity.position(topic)}")
            subject = subject or entity.subject or await self._subject(case_id)
            unit.apply(entity, Decision(b"{}", ((topic, event),), subject=subject), trigger)
        self.records.append(await self._last_record(entities, topic, case_id))
        return self.records[-1]

    async def _subject(self, case_id: UUID) -> UUID | None:
        known = await self.upstream["cases"].read(case_id)
        return known.subject if known else None

    async def _last_record(self, entities: Entities, topic: str, case_id: UUID) -> StoredRecord:
        row = await entities.db.fetchrow(
            "SELECT * FROM log WHERE entity = $1 AND topic = $2 ORDER BY pos DESC LIMIT 1",
            case_id,
            topic,
        )
        assert row is not None
        wire = Wire()
        event = wire.make(
            row["id"], entities.streams.source, row["type"], case_id, row["seq"], row["after"],
            row["recordedat"], row["prevhash"], row["value"],
        )  # fmt: skip
        headers = wire.headers(event)
        return StoredRecord(
            PREFIX + topic, 0, row["pos"], str(case_id).encode(), row["value"], headers
        )

    async def deliveries(self) -> list[dict[str, object]]:
        """The ledger, in order."""
        rows = await self.notifier.db.fetch("SELECT * FROM delivery ORDER BY pos")
        return [dict(row) for row in rows]

    async def said(self) -> list[str]:
        """The types of the events on `deliveries`, in order."""
        rows = await self.notifier.db.fetch("SELECT type FROM log ORDER BY pos")
        return [row["type"].removeprefix("recourse.").removesuffix(".v1") for row in rows]


@asynccontextmanager
async def world(dsns: dict[str, str]) -> AsyncIterator[World]:
    """A notifier that knows the shipped policy."""
    async with AsyncExitStack() as stack:
        upstream = {
            topic: await stack.enter_async_context(kit.entities(dsns, streams))
            for topic, streams in UPSTREAM.items()
        }
        notifier = await stack.enter_async_context(kit.entities(dsns, STREAMS))
        await migrate(dsns["notifier"], [("notifier", MIGRATIONS)])
        policies = await keep_policies(notifier.db, [load_pack(DEFAULT_PACK)])
        freezer = Freezer(Renderer(), notifier.sealer)
        logic = NotifierLogic(policies, freezer, timedelta(hours=24))
        yield World(upstream, notifier, Consumer("notifier", notifier, READER, logic), logic)
