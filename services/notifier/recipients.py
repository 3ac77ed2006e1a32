"""Recipients: how each wants to be told, as stated, or as far as their last case knows.

Owns what `/v1/recipients/{id}` answers and stores. `id` is the customer's id as the operator
knows it, `group:<name>` or `agent:<staff number>`; what rests of a
customer's is the opaque recipient.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from schemas.vocabulary import DeliveryChannel
from services.kit.faults import NotFound, Refused
from services.kit.unit import Entities
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.story import Customer, load
from services.notifier.freeze import webhook_secret
from services.notifier.store import QUERIES, read_preferences, recipient_of, state_preferences


class Recipients:
    """Reads and writes recipients."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def read(self, id: str) -> dict[str, Any]:
        """What they stated, else what their last case knows. Raises `NotFound`."""
        recipient = recipient_of(self._entities.sealer, id)
        db, sealer = self._entities.db, self._entities.sealer
        stated = (await read_preferences(db, sealer, [recipient])).get(recipient)
        if stated is not None:
            return self._shown(id, recipient, stated, "stated")
        customer = await self._customer(recipient)
        if customer is None:
            raise NotFound("no such recipient")
        return self._shown(id, recipient, _as_preferences(customer), "case")

    async def put(self, id: str, stated: Preferences) -> dict[str, Any]:
        """Remember it. Raises `Refused` where the recipient was erased."""
        recipient = recipient_of(self._entities.sealer, id)
        async with self._entities.transaction() as unit:
            if not await state_preferences(unit, recipient, stated):
                raise Refused("erased", "the personal data of this recipient was erased")
        return self._shown(id, recipient, stated, "stated")

    async def _customer(self, recipient: str) -> Customer | None:
        row = await self._entities.db.fetchrow(QUERIES["last_case_of"], recipient)
        if row is None:
            return None
        case_id: UUID = row["case_id"]
        entity = await self._entities.read(case_id)
        if entity is None or entity.state is None:
            return None
        customer = load(entity.state).customer
        return customer if str(customer.recipient) == recipient else None

    def _shown(self, id: str, recipient: str, stated: Preferences, source: str) -> dict[str, Any]:
        content = stated.model_dump(mode="json")
        for channel in content["channels"] or ():
            if channel["channel"] == DeliveryChannel.WEBHOOK and channel["secret"] is None:
                channel["secret"] = webhook_secret(self._entities.sealer, recipient)
        return {"id": id, "recipient": recipient, **content, "source": source}


def _as_preferences(customer: Customer) -> Preferences:
    mail = (ChannelAddress(channel=DeliveryChannel.EMAIL, address=customer.email),)
    in_app = (ChannelAddress(channel=DeliveryChannel.IN_APP),)
    return Preferences(
        locale=customer.locale,
        time_zone=customer.time_zone,
        channels=(mail if customer.email else ()) + in_app,
    )
