"""Lives of cases as intake tells them: opened, called again, answered, asked, the customer answers.

Owns the events and the messages that carry them: numbered, sealed under each customer's own key,
hashed and chained as intake's own are. Writes no database but the subjects' keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from schemas.case import CaseEvent, CaseOpened, ContactAdded, PackPin
from schemas.conversation import CustomerAnswered, CustomerAsked, CustomerRepliedTo
from schemas.report import Actor
from schemas.topics import CASES
from schemas.vocabulary import Category, Channel, Direction, Lane, Role, Severity, Status
from schemas.wire import Wire
from services.kit.sealing import Sealer

NAMESPACE: Final = UUID(int=20261122)
_TEXT: Final = "转账显示成功,对方没有收到。The transfer is shown as done, nothing came."
_AGENT: Final = Actor(role=Role.AGENT, id="A1024", name="李四")


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer sends; `after` is how an answer to it names it (`cases:2`)."""

    key: bytes
    after: bytes
    headers: list[tuple[str, bytes]]
    value: bytes


@dataclass(slots=True)
class Life:
    """One case whose life is being told: the last sequence and the link to it."""

    case: UUID
    subject: UUID
    sequence: int = 0
    link: bytes = b""


@dataclass(slots=True)
class Teller:
    """Makes the messages of many cases. The subjects' keys must be at hand in the sealer."""

    sealer: Sealer
    pin: PackPin
    opened_at: datetime
    _wire: Wire = field(default_factory=Wire)

    async def lives(self, numbers: Sequence[int]) -> list[Life]:
        """New cases, their customers' keys made."""
        found = [Life(case_of(number), subject_of(number)) for number in numbers]
        await self.sealer.load((life.subject for life in found), create=True)
        return found

    def tell(self, life: Life, event: CaseEvent, at: datetime) -> Message:
        """The next message of a case."""
        life.sequence += 1
        event_id = uuid5(life.case, f"{CASES}:{life.sequence}")
        value = self._value(life, event, event_id)
        told = self._wire.make(
            event_id,
            "intake",
            event.type_name(),
            life.case,
            life.sequence,
            "",
            at,
            life.link,
            value,
        )
        life.link = told.digest()
        after = f"{CASES}:{life.sequence}".encode()
        return Message(str(life.case).encode(), after, self._wire.headers(told), value)

    def whole(self, lives: Sequence[Life]) -> Iterator[Message]:
        """Every event of these cases: the first of each, then the second of each, and so on."""
        for make in STEPS:
            for life in lives:
                yield self.tell(life, make(life, self), self.opened_at)

    def _value(self, life: Life, event: CaseEvent, event_id: UUID) -> bytes:
        public, private = event.halves()
        blob = self.sealer.seal(life.subject, private, event_id.bytes) if private else None
        return public if blob is None else self._wire.sealed_value(public, life.subject, blob)


def case_of(number: int) -> UUID:
    """The id of the case of that number."""
    return uuid5(NAMESPACE, f"case:{number}")


def subject_of(number: int) -> UUID:
    """The id of the customer of the case of that number."""
    return uuid5(NAMESPACE, f"subject:{number}")


def opening(subject: UUID, pin: PackPin, started_at: datetime) -> CaseOpened:
    """The event that opens a case."""
    return CaseOpened(
        status=Status.OPEN,
        data_subject=subject,
        category=Category.FUNDS_NOT_RECEIVED,
        severity=Severity.NORMAL,
        lane=Lane.ORDINARY,
        policy=pin,
        channel=Channel.PHONE,
        occurred_at=started_at,
        started_at=started_at,
        description=_TEXT,
    )


def _opened(life: Life, teller: Teller) -> CaseEvent:
    return opening(life.subject, teller.pin, teller.opened_at)


def _called_again(life: Life, teller: Teller) -> CaseEvent:
    return ContactAdded(
        status=Status.OPEN,
        by_role=Role.CUSTOMER,
        contact_id=uuid5(life.case, "contact"),
        channel=Channel.CHAT,
        direction=Direction.INBOUND,
        occurred_at=teller.opened_at,
        started_at=teller.opened_at,
        description=_TEXT,
    )


def _replied_to(_: Life, __: Teller) -> CaseEvent:
    return CustomerRepliedTo(
        status=Status.OPEN, by_role=Role.AGENT, by=_AGENT, channel=Channel.PHONE, text=_TEXT
    )


def _asked(_: Life, __: Teller) -> CaseEvent:
    return CustomerAsked(
        status=Status.WAITING_CUSTOMER,
        by_role=Role.AGENT,
        by=_AGENT,
        facts=("evidence.payment_receipt",),
        text=_TEXT,
    )


def _answered(_: Life, __: Teller) -> CaseEvent:
    return CustomerAnswered(
        status=Status.OPEN,
        by_role=Role.CUSTOMER,
        names=("evidence.payment_receipt",),
        facts={"already_tried": _TEXT},
    )


STEPS: Final[tuple[Callable[[Life, Teller], CaseEvent], ...]] = (
    _opened,
    _called_again,
    _replied_to,
    _asked,
    _answered,
)
