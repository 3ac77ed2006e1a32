"""What comes out of a decision of intake: an outcome with its Reason, or a refusal with its own.

Owns the closed reasons. Never says how an outcome is carried out or answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from schemas.case import CaseEvent
from schemas.vocabulary import Status
from services.intake.core.lifecycle import Move, legal_statuses
from services.intake.core.state import Case


class Reason(StrEnum):
    """Why a decision came out as it did."""

    OPENED = "opened"
    KNOWN = "known"
    COLLAPSED = "collapsed"
    COLLAPSED_BY_CATEGORY = "collapsed_by_category"
    CONTACT_ADDED = "contact_added"
    EVIDENCE_ADDED = "evidence_added"
    FACTS_ADDED = "facts_added"
    NOTHING_NEW = "nothing_new"
    ORDERED = "ordered"


class Refusal(StrEnum):
    """Why a decision was refused."""

    NOT_IN_THIS_STATUS = "not_in_this_status"
    OCCURRED_IN_THE_FUTURE = "occurred_in_the_future"
    OCCURRED_TOO_EARLY = "occurred_too_early"
    PROMISED_IN_THE_PAST = "promised_in_the_past"
    UNKNOWN_PROMISE = "unknown_promise"
    PROMISE_ALREADY_KEPT = "promise_already_kept"
    UNKNOWN_ACT = "unknown_act"
    UNKNOWN_CASE = "unknown_case"
    MERGED_INTO_ITSELF = "merged_into_itself"
    TARGET_IS_MERGED = "target_is_merged"
    TARGET_IS_OVER = "target_is_over"
    UNKNOWN_CONTACT = "unknown_contact"
    NO_CONTACT_LEFT = "no_contact_left"
    ERASED = "erased"
    IDENTITY_NOT_THEIRS_TO_VERIFY = "identity_not_theirs_to_verify"
    ANOTHER_TRANSACTION = "another_transaction"
    STATUS_NOT_IMPORTED = "status_not_imported"
    NOT_RESUMED = "not_resumed"
    UNKNOWN_CLOCK = "unknown_clock"
    RUNS_FROM_ITS_START = "runs_from_its_start"
    LINKED_ELSEWHERE = "linked_elsewhere"
    INCIDENT_CLOSED = "incident_closed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The case after the decision, and the events that lead there (none: nothing happened)."""

    reason: Reason
    case: Case
    events: tuple[CaseEvent, ...] = ()
    opened: Outcome | None = None
    """The case that a split opens."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal: `pointer` (RFC 6901) names the field at fault, `statuses` where it were legal."""

    reason: Refusal
    detail: str
    pointer: str | None = None
    statuses: tuple[Status, ...] = ()
    incident: UUID | None = None
    """The incident that stands in the way."""


def not_in_this_status(move: Move, case: Case) -> Refused:
    """The refusal of a move that the lifecycle does not allow now."""
    return Refused(
        Refusal.NOT_IN_THIS_STATUS,
        f"{move} is not possible while the case is {case.status}",
        statuses=legal_statuses(move),
    )


def erased() -> Refused:
    """The customer was erased: of them no case is opened, and theirs hear nothing any more."""
    return Refused(Refusal.ERASED, "the customer of this case was erased")
