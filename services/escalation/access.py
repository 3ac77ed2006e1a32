"""Who may use which route of escalation. A route that is not here is nobody's; a test compares."""

from __future__ import annotations

from typing import Final

from schemas.privacy import Shown, showing
from services.kit.audit.lookup import audit_access
from services.kit.exporting import export_access
from services.kit.identity.access import CUSTOMER, OPS, STAFF, SUPERVISOR, Access, Rule
from services.kit.identity.principal import Role
from services.kit.identity.things import OwnCase

_CASE: Final = OwnCase(waits=True)
BY_CUSTOMER: Final = frozenset({"escalate", "accept_offer", "decline_offer"})
"""What a customer may order about the ladder of their own case."""
BY_AGENT: Final = BY_CUSTOMER | {
    *("claim", "release", "acknowledge", "de_escalate", "pause", "resume", "extend", "recuse"),
    *("hand_over", "request_action", "cancel_action"),
}
"""What an agent may order: all but to put a case under another policy."""

_COMMANDS: Final = {Role.CUSTOMER: BY_CUSTOMER, Role.AGENT: BY_AGENT}
_LADDER: Final = showing(Shown.CASE, Shown.WORDS, Shown.FACTS, Shown.STAFF)
_LINES: Final = showing(Shown.CASE)
_PEOPLE: Final = showing(Shown.STAFF)
ACCESS: Final = (
    Access(
        {
            "GET /v1/ladders/export": Rule(SUPERVISOR, shows=_LINES),
            "GET /v1/ladders/{case_id}": Rule(STAFF, CUSTOMER, _CASE, shows=_LADDER),
            "GET /v1/ladders/{case_id}/actions": Rule(STAFF, shows=_LADDER),
            "GET /v1/ladders/{case_id}/explain": Rule(STAFF, CUSTOMER, _CASE, shows=_LADDER),
            "GET /v1/ladders/{case_id}/export": Rule(STAFF, shows=_LADDER),
            "GET /v1/ladders/{case_id}/migration": Rule(SUPERVISOR, shows=_LADDER),
            "POST /v1/ladders/{case_id}/commands": Rule(
                STAFF, CUSTOMER, _CASE, commands=_COMMANDS, acts=True, shows=_LADDER
            ),
            "GET /v1/queues/{group}": Rule(STAFF, shows=_LINES),
            "GET /v1/roster/agents": Rule(STAFF, shows=_PEOPLE),
            "GET /v1/roster/agents/{staff_number}": Rule(STAFF, shows=_PEOPLE),
            "PUT /v1/roster/agents/{staff_number}": Rule(SUPERVISOR, shows=_PEOPLE),
            "DELETE /v1/roster/agents/{staff_number}": Rule(SUPERVISOR, shows=_PEOPLE),
            "GET /v1/roster/groups": Rule(STAFF),
            "GET /v1/roster/groups/{group}": Rule(STAFF),
            "PUT /v1/roster/groups/{group}": Rule(SUPERVISOR),
            "GET /v1/roster/supervisors/{staff_number}": Rule(STAFF, shows=_LINES | _PEOPLE),
            "GET /v1/policies": Rule(STAFF | OPS),
            "GET /v1/policies/{digest}": Rule(STAFF | OPS),
            "GET /v1/policies/calendars": Rule(STAFF | OPS),
            "GET /v1/policies/calendars/{digest}": Rule(STAFF | OPS),
            "GET /v1/policies/shadow": Rule(STAFF | OPS),
        }
    )
    | audit_access("escalation")
    | export_access("escalation")
)
