"""Escalation as a process: what the kit must know of it, and its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from schemas.topics import ACTIONS, ACTIONS_ANSWERED, CASES, ESCALATIONS, STREAM_CONTROL, TOPICS
from schemas.wire import Wire
from services.escalation.access import ACCESS
from services.escalation.answers import AnswersConsumer
from services.escalation.api import build_routers
from services.escalation.core.pack_calendars import calendar_problems
from services.escalation.core.policy import compile_policy
from services.escalation.doubts import doubts, doubts_of
from services.escalation.forgetting import Forgetting
from services.escalation.handlers import LadderLogic
from services.escalation.ladders import Ladders
from services.escalation.relief import Relief
from services.escalation.seeking import Seeking
from services.escalation.settings import EscalationSettings
from services.escalation.shadow import Shadow
from services.escalation.staff import EXAMPLE_ROSTER, Staff, load_roster
from services.escalation.store import MIGRATIONS, PolicyBook
from services.kit import ids, runtime
from services.kit.blueprint import Blueprint, Parts
from services.kit.loop import BackgroundLoop
from services.kit.rows import Streams
from services.kit.settings import Settings, read_settings
from services.kit.unit import Entities
from services.packs import load_pack, load_packs

_log = structlog.get_logger(__name__)

SETTINGS: Final = EscalationSettings
STREAMS: Final = Streams(source="escalation", inputs=(CASES,), outputs=(ESCALATIONS, ACTIONS))
_POLICIES_S: Final = 5.0
"""How soon a policy that another replica stored is known here."""
_ROSTER_S: Final = 5.0
"""How soon a change of the roster is known here whose notification was lost."""


async def build(entities: Entities, settings: EscalationSettings) -> Parts:
    """The routes, the logic and the loops, over a database that is migrated."""
    book = PolicyBook(load_packs(settings.pack_folders, [calendar_problems]))
    await book.open(entities.db)
    staff = await _staff(entities, settings)
    logic = LadderLogic(book, staff)
    stale_after = timedelta(seconds=settings.stale_after_s)
    ladders = Ladders(entities, logic, stale_after)
    relief, seeking = Relief(entities, logic), Seeking(entities, logic)
    moving = [BackgroundLoop("relief", relief.step), BackgroundLoop("seeking", seeking.step)]

    async def learn_policies() -> float:
        await book.refresh(entities.db)
        return _POLICIES_S

    async def learn_roster() -> float:
        await staff.refresh(entities.db)
        for loop in moving:
            loop.wake.set()
        return _ROSTER_S

    shadow = await _shadow(entities, book, settings)
    if shadow is not None:
        moving.append(BackgroundLoop("shadow", shadow.step))

    async def busy(now: datetime) -> tuple[list[str], dict[str, int]]:
        followed = await shadow.busy(now) if shadow is not None else []
        return [*await relief.busy(now), *seeking.busy(), *followed], {}

    hearing = BackgroundLoop("roster", learn_roster)
    return Parts(
        routers=build_routers(entities, ladders, staff, book, shadow.policy if shadow else None),
        access=ACCESS,
        logic=logic,
        foreign=AnswersConsumer(logic, stale_after),
        loops=[BackgroundLoop("policies", learn_policies), hearing, *moving],
        busy=busy,
        forget=Forgetting(book),
        channels={"escalation_roster": hearing.wake.set},
    )


async def _shadow(
    entities: Entities, book: PolicyBook, settings: EscalationSettings
) -> Shadow | None:
    """The pack that runs in the shadow of the real one, if there is one."""
    if settings.shadow_pack_dir is None:
        return None
    loaded = load_pack(settings.shadow_pack_dir)
    shadow = Shadow(entities, book, compile_policy(loaded.pack, loaded.digest))
    await shadow.begin()
    return shadow


async def _staff(entities: Entities, settings: EscalationSettings) -> Staff:
    """The roster with its file taken in; says what does not fit the packs."""
    staff = Staff(entities.sealer)
    given = load_roster(settings.roster_file) if settings.roster_file is not None else None
    roster = (given or load_roster(EXAMPLE_ROSTER)).roster
    async with entities.db.transaction() as connection:
        await staff.load(connection, roster, given=given is not None)
    await staff.refresh(entities.db)
    for doubt in await doubts(entities.db, settings, given):
        _log.warning("roster_doubtful", doubt=doubt)
    return staff


def blueprint(settings: EscalationSettings) -> Blueprint:
    """What the kit must know of escalation."""

    async def build_with(entities: Entities, _: Settings) -> Parts:
        return await build(entities, settings)

    async def doubt(entities: Entities, _: Settings) -> Sequence[str]:
        return await doubts_of(entities.db, settings)

    return Blueprint(
        name="escalation",
        title="Recourse escalation: ladders, clocks, queues and the roster",
        streams=STREAMS,
        foreign_topics=(ACTIONS_ANSWERED,),
        control_topic=STREAM_CONTROL,
        readers={row.name: row.readers for row in TOPICS if row.writer == "escalation"},
        codec=Wire(read_id=ids.read),
        migrations=MIGRATIONS,
        build=build_with,
        examinations={"roster": doubt},
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(SETTINGS)
    runtime.main(blueprint(settings), settings)
