"""Messages of topics that others write: deduplicated by (source, id), patient with the unknown.

Owns the identity of a foreign message and what becomes of one that cannot be decided yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.kit.entities import Incoming
from services.kit.faults import Poison, Postpone
from services.kit.ids import derive
from services.kit.sorting import Stranger
from services.kit.strict_json import NotJson, read_json
from services.kit.unit import QUERIES, Unit
from services.kit.wire import pack, record_hash

NAMESPACE: Final = UUID("7a0e2c52-93a5-5a7d-9d0f-3f6b2f0c5d11")
Outcome = Poison | Postpone | None
_M = TypeVar("_M", bound=BaseModel)


class ForeignLogic(Protocol):
    """What a service that reads foreign topics gives the kit: one outcome for each message.

    `subject_in` says whom a message is about that could not be taken, if it says so itself.
    """

    async def on_foreign(self, unit: Unit, incoming: Sequence[Incoming]) -> Sequence[Outcome]: ...
    def subject_in(self, value: bytes) -> UUID | None: ...


def identity(item: Stranger) -> UUID:
    """The UUID that stands for a foreign message's (source, id)."""
    return derive(NAMESPACE, f"{item.message.source}\x00{item.message.id}")


def to_incoming(item: Stranger, real_now: datetime) -> Incoming | Poison:
    """The message as the service sees it, or why it can't be read."""
    try:
        data = read_json(item.message.value)
    except NotJson as error:
        return Poison("not_json", str(error)[:200])
    if not isinstance(data, dict):
        return Poison("not_an_object", "the value must be a JSON object")
    return Incoming(
        topic=item.topic,
        partition=item.record.partition,
        id=identity(item),
        source=item.message.source,
        type=item.message.type,
        sequence=0,
        recordedat=real_now,
        data=data,
        real_now=real_now,
    )


def read_as(models: Mapping[str, type[_M]], incoming: Incoming) -> _M | Poison:
    """The message as the model of its type, or why it is none; says nothing of its values."""
    model = models.get(incoming.type)
    if model is None:
        return Poison("unknown_type", f"{incoming.topic} takes " + ", ".join(models))
    try:
        return model.model_validate(dict(incoming.data))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        places = ("/" + "/".join(map(str, one["loc"])) + ": " + one["type"] for one in found)
        return Poison("invalid_value", "; ".join(places)[:500])


async def unseen(unit: Unit, items: Sequence[Stranger]) -> list[Stranger]:
    """Those that were never taken; marks them as seen in this transaction."""
    first = {identity(item): item for item in reversed(items)}
    if not first:
        return []
    rows = await unit.conn.fetch(QUERIES["see_foreign"], sorted(first))
    new = {row["id"] for row in rows}
    return [item for id, item in first.items() if id in new][::-1]


async def forget(unit: Unit, items: Sequence[Stranger]) -> None:
    """Have messages count as never seen: they will be taken again."""
    await unit.conn.execute(QUERIES["forget_foreign"], [identity(item) for item in items])


async def keep_waiting(unit: Unit, items: Sequence[tuple[Stranger, str]]) -> None:
    """Keep messages whose time has not come, and forget that they were seen."""
    if not items:
        return
    records = [item.record for item, _ in items]
    hashes = [record_hash(record) for record in records]
    await unit.conn.execute(
        QUERIES["wait_foreign"],
        hashes,
        [item.topic for item, _ in items],
        [record.partition for record in records],
        [record.offset for record in records],
        [unit.sealer.seal_raw(pack(r), h) for r, h in zip(records, hashes, strict=True)],
        [reason for _, reason in items],
    )
    await forget(unit, [item for item, _ in items])
