"""Who is owed a word after which event."""

from __future__ import annotations

import pytest

from schemas import case, escalation
from schemas.event import EventData
from schemas.vocabulary import RungReason, Side, Status
from services.notifier.core.advance import UnopenedCase, advance
from services.notifier.core.announcement import Announcement
from services.notifier.core.vocabulary import Template
from tests.support.notifier_stories import (
    CASE,
    PACK,
    SUBJECT,
    at,
    case_opened,
    entered,
    event_id,
    every_event,
    heard,
    offered,
    on_rung,
    said,
    started,
    story_of,
    tell,
)


def told(*events: EventData) -> tuple[Announcement, ...]:
    return tell(*events)[-1].announcements


def names(*events: EventData) -> set[tuple[str, Template]]:
    return {(word.recipient, word.template) for word in told(*events)}


def test_the_customer_hears_of_the_case_once_the_next_time_is_known() -> None:
    assert told(case_opened()) == ()
    (word,) = told(case_opened(), started())
    assert (word.recipient, word.template) == (str(SUBJECT), Template.CASE_RECEIVED)
    assert word.story.next_promised_at(at(0)) == at(15)


def test_entering_the_first_rung_tells_nobody_and_the_next_tells_customer_and_group() -> None:
    base = (case_opened(), started())
    assert told(*base, entered("frontline", reason=RungReason.OPENED)) == ()
    assert names(*base, entered("senior")) == {
        (str(SUBJECT), Template.RUNG_ENTERED),
        ("group:senior", Template.GROUP_BRIEF),
    }
    assert ("group:written_care", Template.GROUP_WRITTEN_BRIEF) in names(*base, entered("email"))


def test_a_group_above_the_front_line_gets_the_brief_of_a_case_that_begins_there() -> None:
    reopened = (started(episode=2, reason=RungReason.REOPENED),)
    again = entered("senior", reason=RungReason.REOPENED, episode=2)
    assert names(case_opened(), started(), *reopened, again) == {
        ("group:senior", Template.GROUP_BRIEF)
    }
    severe = entered("senior", reason=RungReason.OPENED)
    assert names(case_opened(), started(), severe) == {("group:senior", Template.GROUP_BRIEF)}


def test_a_customer_driven_rung_hands_over_to_the_group_and_needs_consent() -> None:
    social = entered("social", side=Side.CUSTOMER, reason=RungReason.OFFER_ACCEPTED)
    (word,) = told(case_opened(), started(), social)
    assert (word.recipient, word.template) == ("group:social_care", Template.GROUP_HANDOVER)
    assert word.needs_consent == "social"


def test_a_retraction_is_told_to_everybody_who_heard_of_the_rung() -> None:
    retracted = on_rung(
        escalation.RungRetracted, retracted_rung="senior", retracted_visit=1,
        reason=RungReason.LATE_EVENT, because_of=event_id("late"),
    )  # fmt: skip
    assert names(case_opened(), started(), entered("senior"), retracted) == {
        (str(SUBJECT), Template.RUNG_RETRACTED),
        ("group:senior", Template.GROUP_RETRACTED),
    }


def test_a_missed_clock_is_told_only_where_the_policy_promised_it() -> None:
    for owed, expected in ((True, 1), (False, 0)):
        missed = on_rung(
            escalation.ClockMissed, clock="update", kind="service", missed_at=at(15),
            tell_customer=owed,
        )  # fmt: skip
        assert len(told(case_opened(), started(), missed)) == expected


@pytest.mark.parametrize("events", every_event(), ids=lambda events: type(events[-1]).__name__)
def test_every_step_of_the_customers_way_is_told(events: tuple[EventData, ...]) -> None:
    words = told(*events)
    assert words
    assert len({word.recipient for word in words}) == len(words)


def test_bookkeeping_is_told_to_nobody() -> None:
    quiet = (
        said(case.FactsAdded, names=("already_tried",)),
        said(case.CaseMerged, status=Status.MERGED, into=event_id("other")),
        on_rung(escalation.ClockWarned, clock="x", kind="service", threshold_percent=80),
        offered(escalation.OfferExpired, "social"),
    )
    assert all(told(case_opened(), started(), event) == () for event in quiet)


def test_what_the_customer_was_told_is_remembered_for_the_brief() -> None:
    story = story_of(case_opened(), started(), entered("senior"))
    assert [told.template for told in story.told] == ["case_received", "rung_entered"]


def test_an_event_without_its_opening_is_an_error() -> None:
    with pytest.raises(UnopenedCase):
        advance(CASE, None, heard(started(), 0), PACK)
