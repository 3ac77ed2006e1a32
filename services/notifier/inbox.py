"""The in-app inbox: what a recipient's app shows, caught up from the ledger and then live.

Owns the stream of one reader and the bell that wakes readers up. A delivery's row is the message:
nothing is sent, so nothing can be lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

from sse_starlette import ServerSentEvent

from schemas.topics import DELIVERIES
from schemas.vocabulary import DeliveryStatus
from services.kit.entities import Decision
from services.kit.faults import NotFound
from services.kit.unit import Entities
from services.notifier.channels.outgoing import Outgoing
from services.notifier.store import QUERIES, to_event

_PAGE: Final = 100
_LOOK_S: Final = 5.0
Note = Callable[[Iterable[UUID]], Awaitable[None]]


class Bell:
    """Rings when any inbox may have something new; a lost ring is made up by looking again."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Wake every waiting reader."""
        self._next.set()
        self._next = asyncio.Event()

    def next_ring(self) -> asyncio.Event:
        """Take this before looking: a ring while one looks must not be missed."""
        return self._next


class Inbox:
    """The inboxes of all recipients."""

    def __init__(self, entities: Entities, bell: Bell) -> None:
        self._entities = entities
        self._bell = bell

    async def stream(
        self, recipient: str, last_event_id: str | None, note: Note
    ) -> AsyncIterator[ServerSentEvent]:
        """Every message after `last_event_id` (all, if it names none of this inbox), for ever.

        `note` is told the cases of the messages that come next, before they go out.
        """
        position = await self._position(recipient, last_event_id)
        while True:
            ring = self._bell.next_ring()
            rows = await self._entities.db.fetch(QUERIES["inbox"], recipient, position, _PAGE)
            if rows:
                await note({row["case_id"] for row in rows})
            for row in rows:
                position = row["pos"]
                content = json.dumps(await self._content(row), ensure_ascii=False)
                yield ServerSentEvent(content, id=str(row["id"]), event="message")
            if len(rows) < _PAGE:
                await _wait(ring)

    async def read(self, recipient: str, delivery_id: UUID) -> Mapping[str, Any]:
        """The recipient has read a message: confirmed, once. Raises `NotFound`."""
        db = self._entities.db
        found = await db.fetchrow(QUERIES["find_message"], delivery_id, recipient)
        if found is None:
            raise NotFound("no such message in this inbox")
        case_id: UUID = found["case_id"]
        async with self._entities.transaction() as unit:
            entity = (await unit.lock([case_id]))[case_id]
            now = unit.now_for(entity)
            row = await unit.conn.fetchrow(QUERIES["confirm"], delivery_id, now)
            if row is not None:
                event = to_event(DeliveryStatus.CONFIRMED, row, now)
                decision = Decision(
                    None, ((DELIVERIES, event),), entity.wake_at, held_until=entity.held_until
                )
                unit.apply(entity, decision, delivery_id)
        stored = await db.fetchrow(QUERIES["read_delivery"], delivery_id)
        if stored is None:
            raise NotFound("no such message in this inbox")
        return dict(stored)

    async def _position(self, recipient: str, last_event_id: str | None) -> int:
        try:
            delivery = UUID(last_event_id or "")
        except ValueError:
            return 0
        row = await self._entities.db.fetchrow(QUERIES["inbox_position"], recipient, delivery)
        return row["pos"] if row else 0

    async def _content(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The message as the app shows it; of an erased customer only that there was one."""
        sealer = self._entities.sealer
        plaintext = await sealer.open_bytes(row["subject"], row["body"], row["id"].bytes)
        said = Outgoing.model_validate_json(plaintext) if plaintext is not None else None
        return {
            "id": str(row["id"]),
            "case_id": str(row["case_id"]),
            "template": row["template"],
            "subject": said.subject if said else None,
            "text": said.text if said else None,
            "language": said.language if said else None,
            "at": row["planned_at"].isoformat(),
            "read": row["status"] == DeliveryStatus.CONFIRMED,
        }


async def _wait(ring: asyncio.Event) -> None:
    """Until the ring, or until it is time to look anyway."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ring.wait(), _LOOK_S)
