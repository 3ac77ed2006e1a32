"""The notifier's tables: deliveries, recipients and policies, through named SQL.

Owns rows and their sealing. Decides nothing; never opens a transaction of its own where a unit
of work is at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from schemas.notification import (
    DeliveryConfirmed,
    DeliveryEvent,
    DeliveryFailed,
    DeliveryPlanned,
    DeliverySent,
    DeliverySuppressed,
)
from schemas.pack import Pack
from schemas.vocabulary import DeliveryChannel, DeliveryStatus
from services.kit.db import Database
from services.kit.sealing import Sealer
from services.kit.sql import Queries
from services.kit.unit import Unit
from services.notifier.core.plan import Delivery
from services.notifier.core.recipient import Preferences
from services.notifier.core.story import STAFF_PREFIXES
from services.packs import LoadedPack

QUERIES: Final = Queries(Path(__file__).with_name("queries.sql"))
_EVENTS: Final[Mapping[DeliveryStatus, type[DeliveryEvent]]] = {
    DeliveryStatus.PLANNED: DeliveryPlanned,
    DeliveryStatus.SENT: DeliverySent,
    DeliveryStatus.CONFIRMED: DeliveryConfirmed,
    DeliveryStatus.FAILED: DeliveryFailed,
    DeliveryStatus.SUPPRESSED: DeliverySuppressed,
}


class Fetches(Protocol):
    """A connection or the pool."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A row of the ledger as it is written at planning; the order of fields is the statement's."""

    id: UUID
    key: str
    case_id: UUID
    subject: UUID
    event_id: UUID
    recipient: str
    channel: DeliveryChannel
    template: str
    status: DeliveryStatus
    attempts: int
    reason: str | None
    planned_at: datetime
    sent_at: datetime | None
    next_attempt_at: datetime | None
    body: bytes | None

    def named(self) -> dict[str, Any]:
        """The values by column."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def suppressed(delivery: Delivery, subject: UUID, now: datetime) -> NewDelivery:
    """The row of a delivery that is not sent."""
    return NewDelivery(
        id=delivery.id,
        key=delivery.key,
        case_id=delivery.announcement.story.case_id,
        subject=subject,
        event_id=delivery.announcement.cause.event_id,
        recipient=delivery.announcement.recipient,
        channel=delivery.channel,
        template=delivery.announcement.template,
        status=DeliveryStatus.SUPPRESSED,
        attempts=0,
        reason=delivery.reason,
        planned_at=now,
        sent_at=None,
        next_attempt_at=None,
        body=None,
    )


def going_out(row: NewDelivery, body: bytes, now: datetime, real_now: datetime) -> NewDelivery:
    """The row with its frozen body: for the courier, or, in-app, as good as delivered."""
    if row.channel is DeliveryChannel.IN_APP:
        return replace(row, status=DeliveryStatus.SENT, attempts=1, sent_at=now, body=body)
    return replace(row, status=DeliveryStatus.PLANNED, next_attempt_at=real_now, body=body)


async def plan(unit: Unit, rows: Sequence[NewDelivery]) -> set[UUID]:
    """Write new deliveries; answers the ids of those that were not there yet."""
    inboxes = {row.recipient for row in rows if row.channel is DeliveryChannel.IN_APP}
    await unit.conn.execute(QUERIES["lock_inboxes"], sorted(inboxes))
    columns = [list(column) for column in zip(*(row.named().values() for row in rows), strict=True)]
    return {row["id"] for row in await unit.conn.fetch(QUERIES["plan"], *columns)}


def to_event(status: DeliveryStatus, row: Mapping[str, Any], at: datetime) -> DeliveryEvent:
    """The event that says that a delivery has come to `status` at `at` (domain time)."""
    return _EVENTS[status](
        delivery_id=row["id"],
        key=row["key"],
        event_id=row["event_id"],
        recipient=row["recipient"],
        channel=row["channel"],
        template=row["template"],
        status=status,
        attempts=row["attempts"],
        reason=row["reason"],
        at=at,
    )


def subject_of(sealer: Sealer, recipient: str) -> UUID:
    """Under whose key a recipient's own data is sealed: the customer's, group's or agent's."""
    if recipient.startswith(STAFF_PREFIXES):
        return sealer.subject_of(recipient.partition(":")[0], recipient)
    return UUID(recipient)


def recipient_of(sealer: Sealer, id: str) -> str:
    """The recipient behind an id that the operator knows: opaque, where it is a customer's."""
    return id if id.startswith(STAFF_PREFIXES) else str(sealer.subject_of("customer", id))


async def read_preferences(
    db: Fetches, sealer: Sealer, recipients: Collection[str]
) -> dict[str, Preferences]:
    """What these recipients said about how they want to be told; erased ones are absent."""
    rows = await db.fetch(QUERIES["read_recipients"], sorted(recipients))
    found: dict[str, Preferences] = {}
    for row in rows:
        name: str = row["recipient"]
        subject = subject_of(sealer, name)
        plaintext = await sealer.open_bytes(subject, row["stated"], name.encode())
        if plaintext is not None:
            found[name] = Preferences.model_validate_json(plaintext)
    return found


async def state_preferences(unit: Unit, recipient: str, stated: Preferences) -> bool:
    """Remember how a recipient wants to be told; False where they were erased."""
    subject = subject_of(unit.sealer, recipient)
    plaintext = stated.model_dump_json().encode()
    blob = await unit.sealer.seal_bytes(subject, plaintext, recipient.encode())
    if blob is not None:
        await unit.conn.execute(QUERIES["state_recipient"], recipient, blob, unit.now)
    return blob is not None


async def keep_policies(db: Database, offered: Iterable[LoadedPack]) -> dict[str, Pack]:
    """Store policies; answers every policy ever stored, by digest."""
    for one in offered:
        await db.execute(
            QUERIES["keep_policy"], one.digest, one.pack.name, one.pack.version, one.canonical_json
        )
    return await read_policies(db)


async def read_policies(db: Database) -> dict[str, Pack]:
    """Every policy that was ever stored, by digest."""
    rows = await db.fetch(QUERIES["policies"])
    return {row["digest"]: Pack.model_validate_json(row["content"]) for row in rows}
