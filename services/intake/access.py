"""Who may use which route of intake. A route that is not here is nobody's; a test compares them."""

from __future__ import annotations

from typing import Final

from services.intake.core.lifecycle import CommandName
from services.kit.identity.access import (
    BACKEND,
    CUSTOMER,
    OPS,
    STAFF,
    SUPERVISOR,
    Access,
    Rule,
)
from services.kit.identity.principal import Role
from services.kit.identity.things import OwnCase, OwnList, OwnReport

_CASE: Final = OwnCase()
_REPORTERS: Final = STAFF | BACKEND
BY_CUSTOMER: Final = frozenset(
    {
        CommandName.PROVIDE,
        CommandName.CONSENT,
        CommandName.CONFIRM,
        CommandName.REOPEN,
        CommandName.WITHDRAW,
    }
)
"""What a customer may order about their own case; the rest is the operator's."""

ACCESS: Final = Access(
    {
        "POST /v1/cases": Rule(_REPORTERS, CUSTOMER, OwnReport()),
        "GET /v1/cases": Rule(STAFF, CUSTOMER, OwnList("customer")),
        "GET /v1/cases/{case_id}": Rule(STAFF, CUSTOMER, _CASE),
        "POST /v1/cases/{case_id}/commands": Rule(
            STAFF, CUSTOMER, _CASE, commands={Role.CUSTOMER: BY_CUSTOMER}, acts=True
        ),
        "POST /v1/cases/{case_id}/contacts": Rule(_REPORTERS, CUSTOMER, _CASE),
        "POST /v1/cases/{case_id}/evidence": Rule(
            _REPORTERS, CUSTOMER, _CASE, bounded=False, streams=True
        ),
        "GET /v1/cases/{case_id}/evidence/{sha256}": Rule(STAFF, CUSTOMER, _CASE, streams=True),
        "POST /v1/imports": Rule(BACKEND),
        "POST /v1/erasures": Rule(OPS, acts=True),
        "GET /v1/erasures": Rule(OPS),
        "GET /v1/erasures/{erasure_id}": Rule(OPS),
        "POST /v1/erasures/{erasure_id}/confirm": Rule(OPS, acts=True),
        "POST /v1/incidents": Rule(SUPERVISOR, acts=True),
        "GET /v1/incidents": Rule(STAFF),
        "GET /v1/incidents/{incident_id}": Rule(STAFF),
        "GET /v1/incidents/{incident_id}/cases": Rule(STAFF),
        "POST /v1/incidents/{incident_id}/updates": Rule(SUPERVISOR, acts=True),
        "POST /v1/incidents/{incident_id}/close": Rule(SUPERVISOR, acts=True),
        "PUT /v1/incidents/{incident_id}/cases/{case_id}": Rule(STAFF, acts=True),
        "DELETE /v1/incidents/{incident_id}/cases/{case_id}": Rule(STAFF, acts=True),
    }
)
