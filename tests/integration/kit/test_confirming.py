"""What a consumer confirms: only what it knows of every partition (the simulation found this)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.control import StreamConfirmed
from services.kit.sorting import Beat
from services.kit.tidings import NOTHING, note_progress
from services.kit.upkeep import Upkeep
from services.kit.wire import Emittable
from tests.support import kit

T = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


async def test_nothing_is_confirmed_before_every_partition_was_heard(dsns: dict[str, str]) -> None:
    """A partition that is late may hold what is older than all that was heard of the others."""
    told: list[datetime] = []

    async def tell(message: Emittable, _: UUID) -> None:
        assert isinstance(message, StreamConfirmed)
        told.append(message.t)

    async with kit.entities(dsns, kit.READER) as reader:

        async def confirm() -> None:
            await Upkeep(reader, tell, gap_age_s=60, consumer="escalation", partitions=2).step()

        await note_progress(reader.db, reader.streams, [Beat("cases", 0, T)], NOTHING)
        await confirm()
        assert told == []
        late = Beat("cases", 1, T - timedelta(minutes=1))
        await note_progress(reader.db, reader.streams, [late], NOTHING)
        await confirm()
        assert told == [late.t]
