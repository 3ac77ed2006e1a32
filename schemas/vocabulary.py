"""The closed words of the domain. Owns their spelling; never decides anything.

Every word here is part of the public contract (topics and HTTP): words may be added, never
renamed. Unknown words in an incoming message are a validation error, never a guess.
"""

from __future__ import annotations

from enum import StrEnum


class Channel(StrEnum):
    """How a contact reached us, or how we reach somebody."""

    PHONE = "phone"
    CHAT = "chat"
    APP = "app"
    WEB = "web"
    EMAIL = "email"
    SOCIAL = "social"
    BRANCH = "branch"
    BACKEND = "backend"
    REGULATOR = "regulator"


class Direction(StrEnum):
    """Who spoke to whom in a contact."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Status(StrEnum):
    """The life of a case; its legal moves are the table in `services/intake/core/lifecycle.py`."""

    OPEN = "open"
    WAITING_CUSTOMER = "waiting_customer"
    WAITING_THIRD_PARTY = "waiting_third_party"
    RESOLVED = "resolved"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class Category(StrEnum):
    """What the customer's problem is about (the seeds' categories)."""

    ACCOUNT_ACCESS = "account_access"
    PAYMENT_FAILED = "payment_failed"
    TRANSFER_FAILED = "transfer_failed"
    WRONG_TRANSFER = "wrong_transfer"
    FUNDS_NOT_RECEIVED = "funds_not_received"
    UNAUTHORISED_TRANSACTION = "unauthorised_transaction"
    ACCOUNT_TAKEOVER = "account_takeover"
    PHISHING = "phishing"
    REFUND = "refund"
    MERCHANT_DISPUTE = "merchant_dispute"
    CANCEL_PENDING = "cancel_pending"
    FEES_EXCHANGE = "fees_exchange"
    POLICY_QUESTION = "policy_question"
    APP_FAULT = "app_fault"
    RECORDS_REQUEST = "records_request"
    ACCOUNT_SETTINGS = "account_settings"


class Severity(StrEnum):
    """How bad it is for the customer."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Lane(StrEnum):
    """Which set of clocks a case runs under."""

    ORDINARY = "ordinary"
    MONEY_SAFETY = "money_safety"


class Joined(StrEnum):
    """Why a report became a contact of a case that was there already."""

    SAME_TRANSACTION = "same_transaction"
    SAME_CATEGORY = "same_category"


class Role(StrEnum):
    """Who acts."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    BACKEND = "backend"
    OPS = "ops"
    SYSTEM = "system"


class ConsentTo(StrEnum):
    """To whom the customer allows the case to be handed."""

    SOCIAL = "social"
    REGULATOR = "regulator"
    THIRD_PARTY = "third_party"


class WaitingFor(StrEnum):
    """Whose move it is while a case waits."""

    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"
    NOBODY = "nobody"


class LadderRunState(StrEnum):
    """What a ladder is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    HELD = "held"
    STOPPED = "stopped"


class Side(StrEnum):
    """Who takes a rung: the operator enters it; to the customer it can only be offered."""

    OPERATOR = "operator"
    CUSTOMER = "customer"


class ImportMode(StrEnum):
    """What the clocks of a case do that comes from another system."""

    HISTORICAL = "historical"
    RESUME = "resume"
    FRESH = "fresh"


class RungReason(StrEnum):
    """Why a rung was entered, left or taken back; the closed Reason of every ladder decision."""

    OPENED = "opened"
    REOPENED = "reopened"
    IMPORTED = "imported"
    FIRST_RESPONSE_MISSED = "first_response_missed"
    RESOLUTION_MISSED = "resolution_missed"
    ACKNOWLEDGEMENT_MISSED = "acknowledgement_missed"
    RUNG_BUDGET_SPENT = "rung_budget_spent"
    CLOCK_MISSED = "clock_missed"
    CUSTOMER_ASKED = "customer_asked"
    AGENT_ASKED = "agent_asked"
    DE_ESCALATED = "de_escalated"
    PROMISE_BROKEN = "promise_broken"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_DECLINED = "offer_declined"
    OFFER_EXPIRED = "offer_expired"
    NOBODY_AVAILABLE = "nobody_available"
    SEVERITY_RAISED = "severity_raised"
    ACTION_LATE = "action_late"
    ACTION_REFUSED = "action_refused"
    STREAM_SILENT = "stream_silent"
    LATE_EVENT = "late_event"


class HolderReason(StrEnum):
    """Why another agent holds a case, or nobody."""

    CLAIMED = "claimed"
    RELEASED = "released"
    HANDED_OVER = "handed_over"
    ASSIGNED = "assigned"
    RECUSED = "recused"
    COMPLAINED_ABOUT = "complained_about"
    ABSENT = "absent"
    SILENT = "silent"
    RUNG_LEFT = "rung_left"
    GROUP_CHANGED = "group_changed"
    RETRACTED = "retracted"


class ActionName(StrEnum):
    """What other backends can be asked to do about a case."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    RESET_CREDENTIALS = "reset_credentials"
    TRACE = "trace"
    RECALL = "recall"
    CANCEL = "cancel"
    REFUND = "refund"
    PROVISIONAL_CREDIT = "provisional_credit"


class ActionState(StrEnum):
    """What became of an action."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class StopReason(StrEnum):
    """Why a ladder stopped."""

    RESOLVED = "resolved"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    IMPORTED = "imported"


class DeliveryStatus(StrEnum):
    """Where one message to one recipient on one channel stands."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class DeliveryChannel(StrEnum):
    """The channels the notifier can speak on."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    IN_APP = "in_app"
