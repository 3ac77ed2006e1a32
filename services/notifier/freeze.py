"""Freezing messages: what a delivery says is rendered once, before its first attempt.

Owns what a frozen body contains. Never sends and never stores.
"""

from __future__ import annotations

import base64
from datetime import datetime

import structlog

from schemas.pack import Pack
from schemas.vocabulary import DeliveryChannel
from services.kit.sealing import Sealer
from services.notifier.channels.outgoing import Outgoing
from services.notifier.core.announcement import Announcement
from services.notifier.core.plan import Delivery, Stated, wishes
from services.notifier.core.wording import Voice, context, voice_for
from services.notifier.render import Message, Renderer

_log = structlog.get_logger(__name__)


class Freezer:
    """Makes the frozen message of a delivery."""

    def __init__(self, renderer: Renderer, sealer: Sealer) -> None:
        self._renderer = renderer
        self._sealer = sealer

    def freeze(
        self,
        delivery: Delivery,
        pack: Pack,
        stated: Stated,
        now: datetime,
    ) -> Outgoing | None:
        """The message as every attempt will send it; None if its text cannot be rendered."""
        word = delivery.announcement
        voice = voice_for(word, wishes(word, stated), pack)
        message = self._rendered(word, pack, voice, now)
        if message is None:
            return None
        address = delivery.address
        return Outgoing(
            key=delivery.key,
            thread=str(word.story.case_id),
            address=(address.address if address else None) or word.recipient,
            subject=message.subject,
            text=message.text,
            html=message.html,
            language=voice.language,
            template=word.template,
            planned_at=now,
            recipient=word.recipient,
            secret=self._secret(delivery),
        )

    def _rendered(
        self, word: Announcement, pack: Pack, voice: Voice, now: datetime
    ) -> Message | None:
        try:
            content = context(word, pack, voice, now)
            return self._renderer.message(word.template, voice.language, content)
        except Exception as error:
            # One text that cannot be made must not stop the batch; it is recorded as such. The
            # error's own words may quote the case.
            _log.error("unrenderable", template=word.template, error=type(error).__name__)
            return None

    def _secret(self, delivery: Delivery) -> str | None:
        if delivery.channel is not DeliveryChannel.WEBHOOK:
            return None
        stated = delivery.address.secret if delivery.address else None
        return stated or webhook_secret(self._sealer, delivery.owner)


def webhook_secret(sealer: Sealer, recipient: str) -> str:
    """The secret of a recipient that stated none: derived, so that nobody has to keep it."""
    derived = sealer.blind("webhook secret", recipient)
    return "whsec_" + base64.b64encode(derived).decode()
