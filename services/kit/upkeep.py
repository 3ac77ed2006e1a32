"""The chores of a service: partitions made ahead, gaps asked for, progress confirmed, metrics told.

Owns their statements' order and pace. Everything here may be lost and is done again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from services.kit import telemetry
from services.kit.foreign import NAMESPACE
from services.kit.ids import derive
from services.kit.unit import QUERIES, Entities
from services.kit.wire import Emittable

_CHORES_S = 5.0
_CONFIRM_EACH_ROUNDS = 3
_REMEMBERED = 100_000
_PARTITION = """CREATE TABLE IF NOT EXISTS log_{day:%Y%m%d} PARTITION OF log
FOR VALUES FROM ('{day:%Y-%m-%d}') TO ('{next:%Y-%m-%d}')"""
Tell = Callable[[Emittable, UUID], Awaitable[None]]


class Upkeep:
    """The chores of one service. `tell` publishes on the control topic, best effort."""

    def __init__(
        self, entities: Entities, tell: Tell, *, gap_age_s: float, consumer: str, partitions: int
    ) -> None:
        self._entities = entities
        self._tell = tell
        self._gap_age = timedelta(seconds=gap_age_s)
        self._consumer = consumer
        self._partitions = partitions
        self._ahead_until: datetime | None = None
        self._rounds = 0
        self._asked: dict[tuple[UUID, str, int], datetime] = {}

    async def step(self) -> float:
        """All chores once; answers the seconds to rest."""
        await self._partitions_ahead()
        await self._tell_metrics()
        await self._tell_overdue()
        await self._confirm()
        await self._ask_for_gaps()
        self._rounds += 1
        return _CHORES_S

    async def _partitions_ahead(self) -> None:
        now = (await self._entities.now()).real
        if self._ahead_until and self._ahead_until > now + timedelta(days=2):
            return
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for ahead in range(1, 4):
            day = midnight + timedelta(days=ahead)
            statement = _PARTITION.format(day=day, next=day + timedelta(days=1))
            await self._entities.db.execute(statement)
        self._ahead_until = midnight + timedelta(days=3)

    async def _tell_metrics(self) -> None:
        row = await self._entities.db.fetchrow(QUERIES["honesty"])
        if row is not None:
            telemetry.PARKED.set(row["parked"])
            telemetry.STANDING_DEAD_LETTERS.set(row["dead_letters"])
            telemetry.UNPUBLISHED.set(row["unpublished"])
            telemetry.STOPPED.set(row["stopped"])
            telemetry.HELD.set(row["held"])

    async def _tell_overdue(self) -> None:
        """Lateness is told when a wake-up fires; this also shows timers that fire nothing."""
        now = await self._entities.now()
        row = await self._entities.db.fetchrow(QUERIES["oldest_due"])
        due = row and row["at"]
        late_ms = now.lateness_ms(due, None) if due and due < now.domain else 0
        telemetry.OVERDUE.set(late_ms / 1000)

    async def _confirm(self) -> None:
        now = (await self._entities.now()).real
        for topic in self._entities.streams.inputs:
            rows = await self._entities.db.fetch(QUERIES["progress_of"], topic)
            for row in rows:
                age_s = (now - row["t"]).total_seconds()
                telemetry.STREAM_AGE.labels(topic=topic, partition=row["part"]).set(age_s)
            # A partition that was not heard of yet may hold what is older than all that was heard.
            heard_all = len(rows) >= self._partitions
            # Each confirmation wakes every service.
            if heard_all and self._rounds % _CONFIRM_EACH_ROUNDS == 0:
                slowest = min(row["t"] for row in rows)
                message = self._entities.codec.confirmation(self._consumer, topic, slowest)
                await self._tell(message, _name(self._consumer, topic, slowest.isoformat()))

    async def _ask_for_gaps(self) -> None:
        """Gaps older than the limit, with no dead letter at their number."""
        rows = await self._entities.db.fetch(QUERIES["gaps"], self._gap_age)
        buried = {
            (row["entity"], row["topic"], row["seq"])
            for row in await self._entities.db.fetch(
                QUERIES["buried_at"], [row["id"] for row in rows]
            )
        }
        now = (await self._entities.now()).real
        for row in rows:
            for topic, first, last in self._missing(row["topic"], row["seq"], row["s1"], row["s2"]):
                if (row["id"], topic, first) not in buried:
                    await self._ask(row["id"], topic, first, last, now)

    async def _ask(self, entity: UUID, topic: str, first: int, last: int, now: datetime) -> None:
        """Ask for a gap, and not again before it has grown older by the limit."""
        asked = self._asked.get((entity, topic, first))
        if asked is not None and now - asked < self._gap_age:
            return
        if len(self._asked) > _REMEMBERED:
            self._asked.clear()
        self._asked[entity, topic, first] = now
        message = self._entities.codec.resend_request(self._consumer, topic, entity, first, last)
        await self._tell(message, _name(str(entity), topic, now.isoformat()))

    def _missing(self, topic: str, sequence: int, s1: int, s2: int) -> list[tuple[str, int, int]]:
        """What stands before a parked record: its own gap, else the other input's next events.

        A record whose turn it is (its policy was unknown, say) is asked for itself: it is decided
        anew when it comes.
        """
        applied = dict(zip(self._entities.streams.inputs, (s1, s2), strict=False))
        if sequence > applied[topic] + 1:
            return [(topic, applied[topic] + 1, sequence - 1)]
        others = [(other, at + 1, at + 100) for other, at in applied.items() if other != topic]
        return [(topic, sequence, sequence), *others]


def _name(*parts: str) -> UUID:
    return derive(NAMESPACE, ":".join(parts))
