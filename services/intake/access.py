"""Who may use which route of intake. A route that is not here is nobody's; a test compares them."""

from __future__ import annotations

from typing import Final

from schemas.privacy import Shown, showing
from services.intake.core.lifecycle import CommandName
from services.kit.audit.lookup import audit_access
from services.kit.exporting import export_access
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
_SUMMARY: Final = showing(Shown.CASE, Shown.FACTS)
_WHOLE: Final = showing(Shown.CASE, Shown.PERSON, Shown.WORDS, Shown.FACTS, Shown.STAFF)
_LINES: Final = showing(Shown.CASE)
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

ACCESS: Final = (
    Access(
        {
            "POST /v1/cases": Rule(
                _REPORTERS, CUSTOMER, OwnReport(), shows=_SUMMARY, shows_new=False
            ),
            "GET /v1/cases": Rule(STAFF, CUSTOMER, OwnList("customer"), shows=_LINES),
            "GET /v1/cases/{case_id}": Rule(STAFF, CUSTOMER, _CASE, shows=_WHOLE),
            "POST /v1/cases/{case_id}/commands": Rule(
                STAFF,
                CUSTOMER,
                _CASE,
                commands={Role.CUSTOMER: BY_CUSTOMER},
                acts=True,
                shows=_SUMMARY,
            ),
            "POST /v1/cases/{case_id}/contacts": Rule(_REPORTERS, CUSTOMER, _CASE, shows=_SUMMARY),
            "POST /v1/cases/{case_id}/evidence": Rule(
                _REPORTERS, CUSTOMER, _CASE, bounded=False, streams=True, shows=_SUMMARY
            ),
            "GET /v1/cases/{case_id}/evidence/{sha256}": Rule(
                STAFF, CUSTOMER, _CASE, streams=True, shows=showing(Shown.EVIDENCE)
            ),
            "GET /v1/exports/intake/{case_id}/evidence/{sha256}": Rule(
                OPS, CUSTOMER, _CASE, streams=True, shows=showing(Shown.EVIDENCE)
            ),
            "POST /v1/imports": Rule(BACKEND, shows=_SUMMARY, shows_new=False),
            "POST /v1/erasures": Rule(OPS, acts=True),
            "GET /v1/erasures": Rule(OPS),
            "GET /v1/erasures/{erasure_id}": Rule(OPS),
            "POST /v1/erasures/{erasure_id}/confirm": Rule(OPS, acts=True),
            "POST /v1/incidents": Rule(SUPERVISOR, acts=True),
            "GET /v1/incidents": Rule(STAFF),
            "GET /v1/incidents/{incident_id}": Rule(STAFF),
            "GET /v1/incidents/{incident_id}/cases": Rule(STAFF, shows=_LINES),
            "POST /v1/incidents/{incident_id}/updates": Rule(SUPERVISOR, acts=True),
            "POST /v1/incidents/{incident_id}/close": Rule(SUPERVISOR, acts=True),
            "PUT /v1/incidents/{incident_id}/cases/{case_id}": Rule(
                STAFF, acts=True, shows=_SUMMARY
            ),
            "DELETE /v1/incidents/{incident_id}/cases/{case_id}": Rule(
                STAFF, acts=True, shows=_SUMMARY
            ),
        }
    )
    | audit_access("intake")
    | export_access("intake")
)
