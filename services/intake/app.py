"""Intake as a process: what the kit must know of it, and its parts put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from schemas.topics import CASES, REPORTS, STREAM_CONTROL, TOPICS
from schemas.wire import Wire
from services.intake import store
from services.intake.access import ACCESS
from services.intake.api import build_router
from services.intake.erasing import Erasing
from services.intake.erasure_api import erasure_router
from services.intake.evidence import Evidence
from services.intake.evidence_api import Patience, evidence_router
from services.intake.export_api import export_router
from services.intake.forgetting import forget
from services.intake.handlers import Handlers, ReportsConsumer
from services.intake.incident_api import incident_router
from services.intake.incident_reads import IncidentShelf
from services.intake.incident_store import IncidentStore
from services.intake.incidents import TELLING_CHANNEL, Incidents
from services.intake.orphans import Orphans
from services.intake.reads import Shelf
from services.intake.receiving import Limits, Receiver
from services.intake.retaining import retained
from services.intake.settings import IntakeSettings
from services.intake.telling import Teller
from services.intake.working import Desk
from services.kit import ids, runtime
from services.kit.audit.lookup import build_audit_router
from services.kit.blueprint import Blueprint, Parts
from services.kit.depot import Depot
from services.kit.erasure.ledger import Ledger
from services.kit.loop import BackgroundLoop
from services.kit.rows import Streams
from services.kit.settings import Settings, read_settings
from services.kit.sorting import Reader
from services.kit.unit import Entities
from services.packs import load_packs

NAME: Final = "intake"
SETTINGS: Final = IntakeSettings
STREAMS: Final = Streams(source=NAME, inputs=(), outputs=(CASES,))


async def build(entities: Entities, settings: IntakeSettings) -> Parts:
    """The routes, the consumer and the teller, over a database that is migrated."""
    book = store.PolicyBook(load_packs(settings.pack_folders))
    await book.keep_current(entities.db)
    blind = store.Blind(entities.sealer)
    desk = Desk(blind, book)
    shelf = Shelf(entities, blind, book)
    handlers = Handlers(desk)
    router = build_router(entities, handlers, shelf, body_max_bytes=settings.body_max_bytes)
    evidence = evidence_of(entities, shelf, handlers, settings)
    patience = Patience(settings.upload_timeout_s, settings.upload_idle_s)
    orphans = Orphans(entities, evidence.receiver.depot)
    incidents = IncidentStore(entities.sealer)
    teller = Teller(entities, desk, incidents)
    loop = BackgroundLoop("incidents", teller.step)
    return Parts(
        routers=[
            router,
            evidence_router(evidence, patience),
            _incidents(entities, desk, incidents, settings.body_max_bytes),
            erasure_router(_erasing(entities), settings.body_max_bytes),
            build_audit_router(NAME, entities),
            export_router(entities, evidence),
        ],
        access=ACCESS,
        foreign=ReportsConsumer(desk),
        loops=[loop, BackgroundLoop("orphans", orphans.step)],
        busy=teller.busy,
        forget=forget,
        retention=[retained(entities.db, settings.retention_evidence_d)],
        channels={f"{NAME}_{TELLING_CHANNEL}": loop.wake.set},
    )


def evidence_of(
    entities: Entities, shelf: Shelf, handlers: Handlers, settings: IntakeSettings
) -> Evidence:
    """The files of cases, in the store that the settings name."""
    limits = Limits(settings.evidence_max_bytes, frozenset(settings.evidence_types.split()))
    receiver = Receiver(_depot(entities, settings), entities.sealer, limits)
    return Evidence(entities, shelf, handlers, receiver)


def _depot(entities: Entities, settings: IntakeSettings) -> Depot:
    # Whoever shares the address but not the master key could open nothing of ours.
    namespace = entities.sealer.blind("depot", NAME)[:8].hex()
    return Depot(settings.evidence_store, namespace, settings.store_options)


def _incidents(
    entities: Entities, desk: Desk, incidents: IncidentStore, body_max_bytes: int
) -> APIRouter:
    shelf = IncidentShelf(entities, incidents)
    return incident_router(entities, Incidents(desk, incidents), shelf, body_max_bytes)


def _erasing(entities: Entities) -> Erasing:
    # Intake reads no stream of ours: none of its dead letters is an event with a place in one.
    reader = Reader("", STREAMS.inputs, (REPORTS,), STREAM_CONTROL, entities.codec)
    return Erasing(entities, Ledger(entities.sealer.keys), reader)


def blueprint(settings: IntakeSettings) -> Blueprint:
    """What the kit must know of intake."""

    async def build_with(entities: Entities, _: Settings) -> Parts:
        return await build(entities, settings)

    async def doubt(entities: Entities, _: Settings) -> Sequence[str]:
        fault = await _depot(entities, settings).fault()
        return [] if fault is None else [f"no file can be taken: {fault}"]

    return Blueprint(
        name=NAME,
        title="Recourse intake: cases and the conversation around them",
        streams=STREAMS,
        foreign_topics=(REPORTS,),
        control_topic=STREAM_CONTROL,
        readers={row.name: row.readers for row in TOPICS if row.writer == NAME},
        codec=Wire(read_id=ids.read),
        migrations=store.MIGRATIONS,
        build=build_with,
        examinations={"evidence": doubt},
    )


def main() -> None:
    """Run until told to stop."""
    settings = read_settings(SETTINGS)
    runtime.main(blueprint(settings), settings)
