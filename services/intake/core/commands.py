"""The bodies of `POST /v1/cases/{id}/commands`: one closed model per command of the lifecycle.

Owns their fields (walkthrough, section 1). Unknown fields and unknown commands are refused.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter

from schemas.event import Model
from schemas.pack_clocks import Name as ActName
from schemas.report import Actor, FactName, Facts, LongText, ShortText
from schemas.vocabulary import Category, Channel, ConsentTo, Severity
from services.intake.core.lifecycle import CommandName


class _Ordered(Model):
    """Who orders it; checked against the token once identity is switched on."""

    by: Actor


class Reply(_Ordered):
    """Answer the customer."""

    command: Literal[CommandName.REPLY]
    text: LongText
    channel: Channel


class AskCustomer(_Ordered):
    """Ask the customer for facts and wait for them."""

    command: Literal[CommandName.ASK_CUSTOMER]
    text: LongText
    facts: Annotated[tuple[FactName, ...], Field(max_length=50)] = ()


class WaitThirdParty(_Ordered):
    """Wait for a merchant, a bank, an authority."""

    command: Literal[CommandName.WAIT_THIRD_PARTY]
    party: ShortText
    reference: ShortText | None = None


class ThirdPartyAnswered(_Ordered):
    """The third party answered."""

    command: Literal[CommandName.THIRD_PARTY_ANSWERED]
    text: LongText


class Provide(_Ordered):
    """The customer provides what was asked for."""

    command: Literal[CommandName.PROVIDE]
    facts: Facts


class Promise(_Ordered):
    """Promise the customer something by an instant."""

    command: Literal[CommandName.PROMISE]
    what: LongText
    by_when: AwareDatetime


class KeepPromise(_Ordered):
    """Say that a promise was kept; `promise` is its id."""

    command: Literal[CommandName.KEEP_PROMISE]
    promise: UUID


class Classify(_Ordered):
    """Say what the case is; without a severity the category's own applies."""

    command: Literal[CommandName.CLASSIFY]
    category: Category
    severity: Severity | None = None
    reason: LongText


class VerifyIdentity(_Ordered):
    """Record that the customer proved who they are, and how."""

    command: Literal[CommandName.VERIFY_IDENTITY]
    method: ShortText


class Consent(_Ordered):
    """The customer gives a consent, or takes it back, under the wording shown to them."""

    command: Literal[CommandName.CONSENT]
    to: ConsentTo
    wording: LongText
    given: bool


class RecordAct(_Ordered):
    """Record something that was done and that a regime counts, such as a final response."""

    command: Literal[CommandName.RECORD_ACT]
    act: ActName
    at: AwareDatetime
    text: LongText | None = None


class Resolve(_Ordered):
    """The operator holds the case for solved."""

    command: Literal[CommandName.RESOLVE]
    outcome: ShortText
    summary: LongText | None = None


class Confirm(_Ordered):
    """The customer confirms the solution."""

    command: Literal[CommandName.CONFIRM]


class Reopen(_Ordered):
    """The solution did not hold."""

    command: Literal[CommandName.REOPEN]
    reason: LongText


class Withdraw(_Ordered):
    """The customer withdraws the case."""

    command: Literal[CommandName.WITHDRAW]
    reason: LongText


class Close(_Ordered):
    """Close without the customer's confirmation."""

    command: Literal[CommandName.CLOSE]
    reason: LongText


class Merge(_Ordered):
    """Let the case live on in another one."""

    command: Literal[CommandName.MERGE]
    into: UUID


class Split(_Ordered):
    """Make a case of its own out of the contacts with these ids."""

    command: Literal[CommandName.SPLIT]
    contacts: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=100)]


Command = Annotated[
    Reply
    | AskCustomer
    | WaitThirdParty
    | ThirdPartyAnswered
    | Provide
    | Promise
    | KeepPromise
    | Classify
    | VerifyIdentity
    | Consent
    | RecordAct
    | Resolve
    | Confirm
    | Reopen
    | Withdraw
    | Close
    | Merge
    | Split,
    Field(discriminator="command"),
]
COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
