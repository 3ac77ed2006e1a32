"""Wiring: the notifier as one process. Owns which part gets which; decides nothing."""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from pathlib import Path

from schemas.topics import CASES, DELIVERIES, ESCALATIONS, STREAM_CONTROL, TOPICS
from schemas.vocabulary import DeliveryChannel
from schemas.wire import Wire
from services.kit import ids
from services.kit.audit.lookup import build_audit_router
from services.kit.blueprint import Blueprint, Parts
from services.kit.loop import BackgroundLoop
from services.kit.rows import Streams
from services.kit.runtime import main as run
from services.kit.settings import Settings, read_settings
from services.kit.unit import Entities
from services.notifier import api, leases
from services.notifier.access import ACCESS
from services.notifier.channels.email import EmailChannel, SmtpSettings
from services.notifier.channels.outgoing import Channel
from services.notifier.channels.webhook import WebhookChannel
from services.notifier.courier import Courier, Pace
from services.notifier.export_api import export_router
from services.notifier.forgetting import forget
from services.notifier.freeze import Freezer
from services.notifier.handlers import COURIER_CHANNEL, INBOX_CHANNEL, NotifierLogic
from services.notifier.inbox import Bell, Inbox
from services.notifier.recipients import Recipients
from services.notifier.render import Renderer
from services.notifier.retaining import retained
from services.notifier.settings import NotifierSettings
from services.notifier.store import keep_policies, read_policies
from services.packs import load_packs

NAME = "notifier"
SETTINGS = NotifierSettings
STREAMS = Streams(NAME, (CASES, ESCALATIONS), (DELIVERIES,))
_LEARN_S = 60.0
"""How soon a policy that another replica stored is known here."""
MIGRATIONS = Path(__file__).with_name("migrations")


def channels_of(settings: NotifierSettings) -> dict[DeliveryChannel, Channel]:
    """The ways out; the in-app inbox is none, its rows are the messages."""
    password = settings.smtp_password
    smtp = SmtpSettings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        sender_name=settings.smtp_sender_name,
        username=settings.smtp_username,
        password=password.get_secret_value() if password else None,
        use_tls=settings.smtp_use_tls,
        start_tls=settings.smtp_start_tls,
        connections=settings.smtp_connections,
    )
    return {
        DeliveryChannel.EMAIL: EmailChannel(smtp),
        DeliveryChannel.WEBHOOK: WebhookChannel(allow_local=settings.allow_local_webhooks),
    }


async def build(entities: Entities, settings: NotifierSettings) -> Parts:
    """The parts of the notifier on an open database."""
    # It logs every chunk of an inbox at DEBUG, and those are personal.
    logging.getLogger("sse_starlette").setLevel(logging.INFO)
    policies = await keep_policies(entities.db, load_packs(settings.pack_folders))

    async def learn_policies() -> float:
        policies.update(await read_policies(entities.db))
        return _LEARN_S

    freezer = Freezer(Renderer(), entities.sealer)
    logic = NotifierLogic(policies, freezer, timedelta(hours=settings.stale_notice_h))
    courier = Courier(
        entities, channels_of(settings), pace_of(settings), leases.own(), random.random
    )
    loop = BackgroundLoop("courier", courier.step)
    courier.on_attempt = loop.wake.set
    bell = Bell()
    return Parts(
        routers=[
            api.router(entities, Recipients(entities), Inbox(entities, bell)),
            build_audit_router(NAME, entities),
            export_router(entities),
        ],
        access=ACCESS,
        logic=logic,
        loops=[loop, BackgroundLoop("policies", learn_policies)],
        busy=courier.busy,
        forget=forget,
        retention=[retained(entities, settings.retention_texts_d)],
        channels={
            f"{NAME}_{COURIER_CHANNEL}": loop.wake.set,
            f"{NAME}_{INBOX_CHANNEL}": bell.ring,
        },
        closing=[courier.close],
    )


def pace_of(settings: NotifierSettings) -> Pace:
    """How fast the courier goes."""
    lease = timedelta(seconds=settings.send_lease_s)
    return Pace(settings.send_slots, settings.send_timeout_s, lease)


def blueprint(settings: NotifierSettings) -> Blueprint:
    """What the kit must know of the notifier."""

    async def with_settings(entities: Entities, _: Settings) -> Parts:
        return await build(entities, settings)

    return Blueprint(
        name=NAME,
        title="Recourse notifier: who is told what, and what became of it",
        streams=STREAMS,
        foreign_topics=(),
        control_topic=STREAM_CONTROL,
        readers={row.name: row.readers for row in TOPICS if row.writer == NAME},
        codec=Wire(read_id=ids.read),
        migrations=MIGRATIONS,
        build=with_settings,
    )


def main() -> None:
    """Run the notifier until it is told to stop."""
    settings = read_settings(SETTINGS)
    run(blueprint(settings), settings)
