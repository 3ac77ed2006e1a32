"""The course that a case took, or would have taken: where it went, when, and who was told.

Owns which events count. Messages are those that clocks, rungs and offers lead to; what people
write to each other is the same under any policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.escalation import (
    ClockMissed,
    LadderEvent,
    LadderStarted,
    OfferAccepted,
    OfferMade,
    RungEntered,
    RungRetracted,
)
from schemas.vocabulary import RungReason, Side

_BEGINNINGS = frozenset({RungReason.OPENED, RungReason.REOPENED})


class Audience(StrEnum):
    """Whom a message is for."""

    CUSTOMER = "customer"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Step:
    """An entry into a rung, or the offer of one. `escalation`: the case had to go up for it."""

    episode: int
    rung: str
    visit: int
    at: datetime
    group: str
    offered: bool
    escalation: bool


@dataclass(slots=True)
class Course:
    """All steps in order, the messages, missed clocks, and commands that were not possible."""

    steps: list[Step] = field(default_factory=list)
    messages: Counter[Audience] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def note(self, events: Iterable[LadderEvent], now: datetime) -> None:
        """Remember what one decision at this instant led to."""
        for event in events:
            self.messages.update(told(event))
            if isinstance(event, RungEntered):
                self.steps.append(_entered(event))
            elif isinstance(event, OfferMade):
                self.steps.append(_offered(event, now))
            elif isinstance(event, ClockMissed):
                self.missed[event.clock] += 1


def told(event: LadderEvent) -> tuple[Audience, ...]:
    """Who is owed a word after an event, as the notifier sees it."""
    match event:
        case LadderStarted() | OfferMade() | OfferAccepted() | RungRetracted():
            return (Audience.CUSTOMER,)
        case ClockMissed():
            return (Audience.CUSTOMER,) if event.tell_customer else ()
        case RungEntered() if event.side is Side.CUSTOMER:
            return (Audience.GROUP,)
        case RungEntered() if event.reason in _BEGINNINGS:
            return () if event.path == "phone" else (Audience.GROUP,)
        case RungEntered():
            return Audience.CUSTOMER, Audience.GROUP
        case _:
            return ()


def _entered(event: RungEntered) -> Step:
    return Step(
        episode=event.episode,
        rung=event.rung,
        visit=event.visit,
        at=event.entered_at,
        group=event.owner_group,
        offered=False,
        escalation=event.reason not in _BEGINNINGS,
    )


def _offered(event: OfferMade, now: datetime) -> Step:
    return Step(
        episode=event.episode,
        rung=event.offered_rung,
        visit=event.visit,
        at=now,
        group=event.owner_group,
        offered=True,
        escalation=True,
    )
