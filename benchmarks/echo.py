"""The kit alone: a service that answers each event, and each wake-up, with one event.

`python -m benchmarks.echo` runs it in escalation's place, on the same topics and schema, so that
what it does not need is what deciding costs. Its document is sealed and so is a part of its event;
a wake-up enters a rung, of which the table is the judge. Never decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec.json import decode, encode

from schemas.escalation import HolderChanged
from schemas.topics import CASES, ESCALATIONS, STREAM_CONTROL
from schemas.wire import Wire
from services.escalation.store import MIGRATIONS
from services.kit import ids, runtime
from services.kit.blueprint import Blueprint, Parts
from services.kit.entities import Decided, Decision, Entity, Incoming, Wake
from services.kit.rows import Streams
from services.kit.settings import Settings, read_settings
from services.kit.unit import Entities

_STREAMS: Final = Streams(source="escalation", inputs=(CASES,), outputs=(ESCALATIONS,))
_LATER: Final = timedelta(minutes=15)
_RUNG: Final = "woken"
_COLUMNS: Final = ("case_id", "episode", "rung", "visit", "entered_at", "reason", "lateness_ms")
WAKES_AGAIN: Final = timedelta(seconds=20)
_LONG_AFTER: Final = timedelta(days=1)


class Echo:
    """One event out for one event in; the document counts them and keeps the last words."""

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision:
        """Answer an event."""
        document = decode(entity.state) if entity.state else {"heard": 0}
        document["heard"] += 1
        document["last"] = {"id": incoming.id, "type": incoming.type, "at": now}
        words = incoming.data.get("text") or incoming.data.get("description")
        document["words"] = words
        event = _said(now + _LATER, words)
        subject = entity.subject or UUID(incoming.data["data_subject"])
        return Decision(encode(document), ((ESCALATIONS, event),), now + _LATER, subject)

    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
        """Count it in a small document, whatever document was there; wake again soon, then late."""
        woken = decode(entity.state or b"{}").get("woken", 0) + 1
        document = {"woken": woken, "last": {"id": wake.id, "type": "wake", "at": now}}
        again = now + (WAKES_AGAIN if woken == 1 else _LONG_AFTER)
        told = ((ESCALATIONS, _said(again, None)),)
        return Decision(
            encode(document), told, again, effects=(entity.id, 1, _RUNG, woken, now, "woken", 0)
        )

    async def write(self, unit: Any, decided: Sequence[Decided]) -> None:
        """The rungs that were entered."""
        rungs = [row for each in decided if (row := each.decision.effects) is not None]
        if rungs:
            await unit.conn.copy_records_to_table("rung", records=rungs, columns=_COLUMNS)


def _said(next_due_at: datetime, words: str | None) -> HolderChanged:
    return HolderChanged(
        episode=1,
        rung="frontline",
        path="phone",
        owner_group="frontline",
        next_due_at=next_due_at,
        staff_number="A1024",
        name="李四",
        brief=words,
    )


async def _build(_: Entities, __: Settings) -> Parts:
    return Parts(routers=(), logic=Echo())


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(Settings)
    blueprint = Blueprint(
        name="escalation",
        title="the kit alone",
        streams=_STREAMS,
        foreign_topics=(),
        control_topic=STREAM_CONTROL,
        readers={},
        codec=Wire(read_id=ids.read),
        migrations=MIGRATIONS,
        build=_build,
    )
    runtime.main(blueprint, settings)


if __name__ == "__main__":
    main()
