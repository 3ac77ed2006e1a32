"""The commands on a ladder: their bodies as HTTP reads them, and the reasons of a refusal.

Owns these models and words; what a command does is in `obeying`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints, TypeAdapter

from schemas.event import Model
from schemas.report import Actor, Facts, Identifier, LongText, ShortText
from schemas.vocabulary import ActionName


class RefusalReason(StrEnum):
    """Why a command is refused: the `reason` of its 409."""

    LADDER_STOPPED = "ladder_stopped"
    ROLE_NOT_ALLOWED = "role_not_allowed"
    ALREADY_HELD = "already_held"
    RECUSED = "recused"
    UNKNOWN_AGENT = "unknown_agent"
    NOT_HELD = "not_held"
    NOT_HOLDER = "not_holder"
    NO_ACKNOWLEDGEMENT_DUE = "no_acknowledgement_due"
    UNKNOWN_RUNG = "unknown_rung"
    NOT_HIGHER = "not_higher"
    NO_HIGHER_RUNG = "no_higher_rung"
    NO_LOWER_RUNG = "no_lower_rung"
    VISITS_USED_UP = "visits_used_up"
    ALREADY_OFFERED = "already_offered"
    ALREADY_PAUSED = "already_paused"
    NOT_PAUSED = "not_paused"
    PAUSE_CAP_REACHED = "pause_cap_reached"
    UNKNOWN_CLOCK = "unknown_clock"
    CLOCK_ENDED = "clock_ended"
    AFTER_DUE = "after_due"
    EXTENSION_BOUND = "extension_bound"
    EXTENSION_UNIT = "extension_unit"
    NO_SUCH_OFFER = "no_such_offer"
    CONSENT_MISSING = "consent_missing"
    ABSENT = "absent"
    COMPLAINED_ABOUT = "complained_about"
    HELD_IT_BEFORE = "held_it_before"
    NOBODY_AVAILABLE = "nobody_available"
    UNKNOWN_ACTION = "unknown_action"
    IDENTITY_UNVERIFIED = "identity_unverified"
    PARAMETER_MISSING = "parameter_missing"
    ALREADY_REQUESTED = "already_requested"
    NO_SUCH_ACTION = "no_such_action"
    ACTION_ENDED = "action_ended"
    UNKNOWN_POLICY = "unknown_policy"
    UNKNOWN_CALENDAR = "unknown_calendar"
    SAME_POLICY = "same_policy"
    NOT_SIMULATED = "not_simulated"


LONG_NAMES: Final[Mapping[str, ActionName]] = {
    "freeze_account": ActionName.FREEZE,
    "unfreeze_account": ActionName.UNFREEZE,
    "trace_transaction": ActionName.TRACE,
    "recall_transfer": ActionName.RECALL,
    "cancel_pending": ActionName.CANCEL,
    "cancel_transaction": ActionName.CANCEL,
    "cancel_pending_transaction": ActionName.CANCEL,
    "open_refund": ActionName.REFUND,
}
"""What the design calls some actions; understood too, never written."""


Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
"""Of a policy, as `/v1/policies` lists it."""


def short_name(action: object) -> object:
    """The name of an action as the contract writes it."""
    return LONG_NAMES.get(action, action) if isinstance(action, str) else action


class CommandRefusedError(Exception):
    """A command that is not legal now; `extra` is what helps the caller further."""

    def __init__(self, reason: RefusalReason, detail: str, **extra: Any) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
        self.extra = extra


class _Command(Model):
    """What every command carries."""

    by: Actor


class Claim(_Command):
    """The agent takes the case."""

    command: Literal["claim"]


class Release(_Command):
    """The holder gives the case back to the group."""

    command: Literal["release"]


class Acknowledge(_Command):
    """Somebody on the rung has seen the case; `for` a while (ISO 8601), else for this visit."""

    command: Literal["acknowledge"]
    lasts: Annotated[timedelta | None, Field(alias="for", gt=timedelta(0))] = None


class Escalate(_Command):
    """Somebody wants the case on a higher rung: the next one, or the one named."""

    command: Literal["escalate"]
    reason: LongText
    to: Identifier | None = None


class DeEscalate(_Command):
    """The case goes back to the operator rung below: a new visit."""

    command: Literal["de_escalate"]
    reason: LongText


class Pause(_Command):
    """An agent stops the clocks that allow it, at most until the pack's cap."""

    command: Literal["pause"]
    reason: LongText
    until: AwareDatetime | None = None


class Resume(_Command):
    """The agent's pause ends."""

    command: Literal["resume"]


class Extend(_Command):
    """A clock is given more time, within the pack's bound and before it is due."""

    command: Literal["extend"]
    clock: Identifier
    by_duration: Annotated[timedelta, Field(gt=timedelta(0))]
    reason: LongText
    approver: Identifier


class Recuse(_Command):
    """The holder must not have this case, now or later."""

    command: Literal["recuse"]
    reason: LongText


class HandOver(_Command):
    """The holder gives the case to a colleague, with everything the customer already said."""

    command: Literal["hand_over"]
    to_agent: Identifier
    brief: LongText


class AcceptOffer(_Command):
    """The customer takes an offered rung; needs recorded consent."""

    command: Literal["accept_offer"]
    rung: Identifier


class DeclineOffer(_Command):
    """The customer does not want an offered rung."""

    command: Literal["decline_offer"]
    rung: Identifier
    reason: ShortText | None = None


class RequestAction(_Command):
    """Another backend is asked to do something; `parameters` add to what the case says itself."""

    command: Literal["request_action"]
    action: Annotated[ActionName, BeforeValidator(short_name)]
    parameters: Facts = {}


class CancelAction(_Command):
    """An action that is not answered yet is not wanted any more."""

    command: Literal["cancel_action"]
    action_id: UUID


class Migrate(_Command):
    """The case goes on under another stored policy; `simulation` is the token of its simulation."""

    command: Literal["migrate"]
    to: Digest
    simulation: Identifier
    reason: LongText


OnLadder = (
    Claim
    | Release
    | Acknowledge
    | Escalate
    | DeEscalate
    | Pause
    | Resume
    | Extend
    | Recuse
    | HandOver
    | AcceptOffer
    | DeclineOffer
    | RequestAction
    | CancelAction
)
"""What people do on a ladder under the policy that it has."""
Command = Annotated[OnLadder | Migrate, Field(discriminator="command")]
COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Command)
