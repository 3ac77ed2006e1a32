"""Who may use which route of the notifier. One that is not here is nobody's; a test compares."""

from __future__ import annotations

from typing import Final

from schemas.privacy import Shown, showing
from services.kit.audit.lookup import audit_access
from services.kit.exporting import export_access
from services.kit.identity.access import CUSTOMER, STAFF, Access, Rule
from services.kit.identity.things import OwnName

_SELF: Final = OwnName("recipient_id")

_LINES: Final = showing(Shown.CASE)
_PERSON: Final = showing(Shown.PERSON)
ACCESS: Final = (
    Access(
        {
            "GET /v1/deliveries": Rule(STAFF, shows=_LINES),
            "GET /v1/recipients/{recipient_id}": Rule(STAFF, CUSTOMER, _SELF, shows=_PERSON),
            "PUT /v1/recipients/{recipient_id}": Rule(STAFF, CUSTOMER, _SELF, shows=_PERSON),
            # What is in an inbox is for its owner, also among the staff.
            "GET /v1/recipients/{recipient_id}/inbox": Rule(
                owners=CUSTOMER | STAFF,
                thing=_SELF,
                streams=True,
                shows=showing(Shown.CASE, Shown.WORDS),
            ),
            "POST /v1/recipients/{recipient_id}/inbox/{delivery_id}/read": Rule(
                owners=CUSTOMER | STAFF, thing=_SELF, shows=_LINES
            ),
        }
    )
    | audit_access("notifier")
    | export_access("notifier")
)
