"""The course that a case took, or would have taken: where it went, when, and who was told.

Owns which events count. Messages are those that clocks, rungs and offers lead to; what people
write to each other is the same under any policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

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
from services.escalation.core.turn import Emitted

_TOLD_TO_CUSTOMER = frozenset({LadderStarted, OfferMade, OfferAccepted, RungRetracted})
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

    def note(self, emitted: Iterable[Emitted], now: datetime) -> None:
        """Remember what one decision at this instant led to."""
        for event, fields in emitted:
            for audience in told(event, fields):
                self.messages[audience] += 1
            if event is RungEntered:
                escalation = fields["reason"] not in _BEGINNINGS
                self.steps.append(_step(fields, fields["rung"], now, escalation=escalation))
            elif event is OfferMade:
                self.steps.append(_step(fields, fields["offered_rung"], now, offered=True))
            elif event is ClockMissed:
                self.missed[fields["clock"]] += 1


def told(event: type[LadderEvent], fields: Mapping[str, Any]) -> tuple[Audience, ...]:
    """Who is owed a word after an event, as the notifier sees it."""
    if event in _TOLD_TO_CUSTOMER:
        return (Audience.CUSTOMER,)
    if event is ClockMissed:
        return (Audience.CUSTOMER,) if fields.get("tell_customer") else ()
    return _told_of_entry(fields) if event is RungEntered else ()


def _told_of_entry(fields: Mapping[str, Any]) -> tuple[Audience, ...]:
    if fields["side"] is Side.CUSTOMER:
        return (Audience.GROUP,)
    if fields["reason"] in _BEGINNINGS:
        return () if fields["path"] == "phone" else (Audience.GROUP,)
    return Audience.CUSTOMER, Audience.GROUP


def _step(
    fields: Mapping[str, Any],
    rung: str,
    now: datetime,
    *,
    offered: bool = False,
    escalation: bool = True,
) -> Step:
    return Step(
        episode=fields["episode"],
        rung=rung,
        visit=fields["visit"],
        at=fields.get("entered_at", now),
        group=fields["owner_group"],
        offered=offered,
        escalation=escalation,
    )
