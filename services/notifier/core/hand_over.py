"""Who is owed a word when a case changes hands, so that nobody asks the customer twice.

Owns what becomes of `holder.changed`: whoever gets a case without having asked for it gets all of
it, whoever loses it without having wanted to is told, and so is the group where nobody has it now.
The customer hears of another person only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from schemas.escalation import HolderChanged
from schemas.vocabulary import HolderReason
from services.notifier.core.announcement import (
    Announcement,
    Moment,
    for_agent,
    for_customer,
    for_group,
)
from services.notifier.core.story import Detail, Holder
from services.notifier.core.vocabulary import Template

_LOST: Final = frozenset(
    {
        HolderReason.ABSENT,
        HolderReason.SILENT,
        HolderReason.COMPLAINED_ABOUT,
        HolderReason.RECUSED,
    }
)
"""Why a case is free again although it was in somebody's hands and has not moved."""
_KNOWN: Final = frozenset({HolderReason.RELEASED, HolderReason.RECUSED, HolderReason.RUNG_LEFT})
"""Why a holder knows already that the case is not theirs: they said so, or saw it climb."""


def changed_hands(moment: Moment) -> tuple[Announcement, ...]:
    """Everybody who is owed a word of it."""
    return (*_told(moment), *_briefed(moment), *_freed(moment), *_relieved(moment))


def _told(moment: Moment) -> Iterator[Announcement]:
    event: HolderChanged = moment.event
    known = moment.before.holder_told if moment.before else None
    if event.staff_number is None or event.staff_number == known:
        return
    # Of a rung that was taken back the customer has just been told by a correction.
    if event.reason is not HolderReason.RETRACTED:
        yield for_customer(moment, Template.HOLDER_CHANGED)


def _briefed(moment: Moment) -> Iterator[Announcement]:
    event: HolderChanged = moment.event
    claimed = event.reason in {None, HolderReason.CLAIMED} and event.brief is None
    if event.staff_number is None or claimed:
        return
    detail = Detail(because=event.reason, brief=event.brief, agent=_previous(moment))
    word = for_agent(moment, event.staff_number, Template.HOLDER_BRIEF, detail)
    yield replace(word, needs_consent=moment.consent)


def _freed(moment: Moment) -> Iterator[Announcement]:
    event: HolderChanged = moment.event
    if event.staff_number is not None:
        return
    detail = Detail(because=event.reason, agent=_previous(moment))
    if event.reason is HolderReason.GROUP_CHANGED:
        template = brief_for(event.path)
    elif event.reason in _LOST:
        template = Template.GROUP_FREED
    else:
        return
    word = for_group(moment, event.owner_group, template, detail)
    yield replace(word, needs_consent=moment.consent)


def _relieved(moment: Moment) -> Iterator[Announcement]:
    event: HolderChanged = moment.event
    previous = event.previous_staff_number
    if event.reason is None or event.reason in _KNOWN:
        return
    if previous is not None and previous != event.staff_number:
        detail = Detail(because=event.reason)
        yield for_agent(moment, previous, Template.HOLDER_RELIEVED, detail)


def _previous(moment: Moment) -> Holder | None:
    number = moment.event.previous_staff_number
    if number is None:
        return None
    before = moment.before.standing if moment.before else None
    if before and before.holder and before.holder.staff_number == number:
        return before.holder
    return Holder(staff_number=number)


def brief_for(path: str) -> Template:
    """The brief of a group that a case comes to; on the written path it is a letter of its own."""
    return Template.GROUP_WRITTEN_BRIEF if path == "email" else Template.GROUP_BRIEF
