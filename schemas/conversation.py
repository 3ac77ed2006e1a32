"""The events of topic `cases` that are words between people: asked, answered, promised, allowed.

Owns their fields and which of them are private.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from schemas.case import CaseEvent
from schemas.event import PRIVATE
from schemas.vocabulary import Channel, ConsentTo, WaitingFor


class CaseWaiting(CaseEvent):
    """The move is somebody else's: a third party's, or (nobody) ours again."""

    event_name: ClassVar[str] = "case.waiting"

    waiting_for: WaitingFor
    party: Annotated[str | None, PRIVATE] = None
    reference: Annotated[str | None, PRIVATE] = None
    text: Annotated[str | None, PRIVATE] = None


class CustomerAsked(CaseEvent):
    """The customer was asked for facts; the case waits for them."""

    event_name: ClassVar[str] = "customer.asked"

    facts: tuple[str, ...] = ()
    text: Annotated[str | None, PRIVATE] = None


class CustomerAnswered(CaseEvent):
    """The customer answered while we waited for them: the move is ours again."""

    event_name: ClassVar[str] = "customer.answered"

    names: tuple[str, ...] = ()
    missing_facts: tuple[str, ...] = ()
    facts: Annotated[dict[str, Any], PRIVATE] = {}


class CustomerRepliedTo(CaseEvent):
    """An agent answered the customer."""

    event_name: ClassVar[str] = "customer.replied_to"

    channel: Channel
    text: Annotated[str | None, PRIVATE] = None


class PromiseMade(CaseEvent):
    """An agent promised something by an instant: a clock of its own."""

    event_name: ClassVar[str] = "promise.made"

    promise_id: UUID
    by_when: datetime
    what: Annotated[str | None, PRIVATE] = None


class PromiseKept(CaseEvent):
    """A promise was kept."""

    event_name: ClassVar[str] = "promise.kept"

    promise_id: UUID


class ConsentGiven(CaseEvent):
    """The customer allowed the case to be handed to somebody, under the wording shown."""

    event_name: ClassVar[str] = "consent.given"

    consent_to: ConsentTo
    wording_sha256: str
    wording: Annotated[str | None, PRIVATE] = None


class ConsentRevoked(CaseEvent):
    """The customer took a consent back."""

    event_name: ClassVar[str] = "consent.revoked"

    consent_to: ConsentTo
    wording_sha256: str
    wording: Annotated[str | None, PRIVATE] = None
