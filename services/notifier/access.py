"""Who may use which route of the notifier. One that is not here is nobody's; a test compares."""

from __future__ import annotations

from typing import Final

from services.kit.identity.access import CUSTOMER, STAFF, Access, Rule
from services.kit.identity.things import OwnName

_SELF: Final = OwnName("recipient_id")

ACCESS: Final = Access(
    {
        "GET /v1/deliveries": Rule(STAFF),
        "GET /v1/recipients/{recipient_id}": Rule(STAFF, CUSTOMER, _SELF),
        "PUT /v1/recipients/{recipient_id}": Rule(STAFF, CUSTOMER, _SELF),
        # What is in an inbox is for its owner, also among the staff.
        "GET /v1/recipients/{recipient_id}/inbox": Rule(
            owners=CUSTOMER | STAFF, thing=_SELF, streams=True
        ),
        "POST /v1/recipients/{recipient_id}/inbox/{delivery_id}/read": Rule(
            owners=CUSTOMER | STAFF, thing=_SELF
        ),
    }
)
