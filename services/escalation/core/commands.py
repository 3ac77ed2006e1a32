"""The commands on a ladder: their bodies as HTTP reads them, and the reasons of a refusal.

Owns these models and words; what a command does is in `obeying`.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from schemas.event import Model
from schemas.report import Actor, Identifier, LongText, ShortText


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


Command = Annotated[
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
    | DeclineOffer,
    Field(discriminator="command"),
]
COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Command)
