"""Escalation as a process: what the kit must know of it, and its parts put together."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from schemas.topics import ACTIONS, CASES, ESCALATIONS, STREAM_CONTROL, TOPICS
from schemas.wire import Wire
from services.escalation.api import build_routers
from services.escalation.handlers import LadderLogic
from services.escalation.ladders import Ladders
from services.escalation.settings import EscalationSettings
from services.escalation.staff import EXAMPLE_ROSTER, Staff, read_roster
from services.escalation.store import MIGRATIONS, PolicyBook
from services.kit import ids, runtime
from services.kit.blueprint import Blueprint, Parts
from services.kit.loop import BackgroundLoop
from services.kit.rows import Streams
from services.kit.settings import Settings, read_settings
from services.kit.unit import Entities
from services.packs import DEFAULT_PACK, load_pack

SETTINGS: Final = EscalationSettings
STREAMS: Final = Streams(source="escalation", inputs=(CASES,), outputs=(ESCALATIONS, ACTIONS))
_POLICIES_S: Final = 5.0
"""How soon a policy that another replica stored is known here."""


async def build(entities: Entities, settings: EscalationSettings) -> Parts:
    """The routes, the logic and the loop, over a database that is migrated."""
    book = PolicyBook(load_pack(settings.packs_dir or DEFAULT_PACK))
    await book.open(entities.db)
    staff = Staff(entities.sealer)
    given = settings.roster_file is not None
    roster = read_roster(settings.roster_file or EXAMPLE_ROSTER)
    async with entities.db.transaction() as connection:
        await staff.load(connection, roster, given=given)
    logic = LadderLogic(book)
    ladders = Ladders(entities, logic, staff, timedelta(seconds=settings.stale_after_s))

    async def learn_policies() -> float:
        await book.refresh(entities.db)
        return _POLICIES_S

    return Parts(
        routers=build_routers(entities, ladders, staff),
        logic=logic,
        loops=[BackgroundLoop("policies", learn_policies)],
    )


def blueprint(settings: EscalationSettings) -> Blueprint:
    """What the kit must know of escalation."""

    async def build_with(entities: Entities, _: Settings) -> Parts:
        return await build(entities, settings)

    return Blueprint(
        name="escalation",
        title="Recourse escalation: ladders, clocks, queues and the roster",
        streams=STREAMS,
        foreign_topics=(),
        control_topic=STREAM_CONTROL,
        readers={row.name: row.readers for row in TOPICS if row.writer == "escalation"},
        codec=Wire(read_id=ids.read),
        migrations=MIGRATIONS,
        build=build_with,
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(SETTINGS)
    runtime.main(blueprint(settings), settings)
