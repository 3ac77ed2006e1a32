"""The closed words of the notifier. Owns their spelling; decides nothing."""

from __future__ import annotations

from enum import StrEnum


class Template(StrEnum):
    """What is said; each has a text per language under `templates/<language>/`."""

    CASE_RECEIVED = "case_received"
    CASE_REOPENED = "case_reopened"
    CUSTOMER_ASKED = "customer_asked"
    CUSTOMER_REPLIED_TO = "customer_replied_to"
    HOLDER_CHANGED = "holder_changed"
    RUNG_ENTERED = "rung_entered"
    RUNG_RETRACTED = "rung_retracted"
    CASE_DELAYED = "case_delayed"
    PROMISE_MADE = "promise_made"
    OFFER_MADE = "offer_made"
    OFFER_ACCEPTED = "offer_accepted"
    CASE_RESOLVED = "case_resolved"
    CASE_CLOSED = "case_closed"
    INCIDENT_UPDATED = "incident_updated"
    GROUP_BRIEF = "group_brief"
    GROUP_WRITTEN_BRIEF = "group_written_brief"
    GROUP_HANDOVER = "group_handover"
    GROUP_RETRACTED = "group_retracted"
    GROUP_FREED = "group_freed"
    HOLDER_BRIEF = "holder_brief"
    HOLDER_RELIEVED = "holder_relieved"


class Reason(StrEnum):
    """Why a delivery was planned or suppressed, or why it ended as it did."""

    OWED = "owed"
    NO_ADDRESS = "no_address"
    IMPORTED = "imported"
    STALE_ON_ARRIVAL = "stale_on_arrival"
    OPTED_OUT = "opted_out"
    CONSENT_MISSING = "consent_missing"
    SUBJECT_ERASED = "subject_erased"
    UNRENDERABLE = "unrenderable"
    REFUSED_BY_RECIPIENT = "refused_by_recipient"
    ENDPOINT_GONE = "endpoint_gone"
    FORBIDDEN_ADDRESS = "forbidden_address"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    CONNECTION_FAILED = "connection_failed"
    BUSY = "busy"
    ANSWERED_WITH_ERROR = "answered_with_error"
    INTERNAL_FAULT = "internal_fault"
