"""Who is owed a word when a case changes hands: nobody asks twice, nobody is told twice."""

from __future__ import annotations

import pytest

from schemas import conversation, escalation
from schemas.event import EventData
from schemas.vocabulary import HolderReason, RungReason, Side
from services.notifier.core.announcement import Announcement
from services.notifier.core.vocabulary import Template
from tests.support.notifier_stories import (
    SUBJECT,
    case_opened,
    entered,
    held_by,
    ladder_moved,
    on_rung,
    retracted,
    said,
    started,
    tell,
)

CUSTOMER = str(SUBJECT)
OPEN = (case_opened(), started())
CLAIMED = held_by("A1024", HolderReason.CLAIMED)
HELD = (*OPEN, CLAIMED)
LOST = (
    HolderReason.ABSENT,
    HolderReason.SILENT,
    HolderReason.COMPLAINED_ABOUT,
    HolderReason.RECUSED,
)


def told(*events: EventData) -> tuple[Announcement, ...]:
    return tell(*events)[-1].announcements


def names(*events: EventData) -> set[tuple[str, Template]]:
    return {(word.recipient, word.template) for word in told(*events)}


def to(recipient: str, *events: EventData) -> Announcement:
    (word,) = [word for word in told(*events) if word.recipient == recipient]
    return word


def lost(reason: HolderReason, **fields: str) -> escalation.HolderChanged:
    event: escalation.HolderChanged = held_by(
        None, reason, **{"previous_staff_number": "A1024", **fields}
    )
    return event


def test_an_agent_who_claims_needs_no_brief_and_the_customer_learns_the_staff_number() -> None:
    (word,) = told(*HELD)
    assert (word.recipient, word.template) == (CUSTOMER, Template.HOLDER_CHANGED)
    assert word.story.standing is not None
    assert word.story.standing.holder is not None
    assert word.story.standing.holder.staff_number == "A1024"


def test_who_gets_a_case_from_a_colleague_gets_all_of_it_in_the_givers_words_too() -> None:
    given = held_by(
        "A1025", HolderReason.HANDED_OVER, previous_staff_number="A1024", brief="ask nothing again"
    )
    assert names(*HELD, given) == {
        (CUSTOMER, Template.HOLDER_CHANGED),
        ("agent:A1025", Template.HOLDER_BRIEF),
        ("agent:A1024", Template.HOLDER_RELIEVED),
    }
    brief = to("agent:A1025", *HELD, given)
    assert brief.detail.brief == "ask nothing again"
    assert brief.detail.agent is not None
    assert (brief.detail.agent.staff_number, brief.detail.agent.name) == ("A1024", "李四")


@pytest.mark.parametrize("reason", [HolderReason.ASSIGNED, *LOST])
def test_who_is_given_a_case_instead_of_another_gets_all_of_it(reason: HolderReason) -> None:
    words = names(*HELD, held_by("A1025", reason, previous_staff_number="A1024"))
    assert ("agent:A1025", Template.HOLDER_BRIEF) in words
    assert (CUSTOMER, Template.HOLDER_CHANGED) in words
    assert not [recipient for recipient, _ in words if recipient.startswith("group:")]


@pytest.mark.parametrize("reason", LOST)
def test_a_group_learns_that_a_case_is_free_again_and_the_customer_is_left_in_peace(
    reason: HolderReason,
) -> None:
    words = names(*HELD, lost(reason))
    freed = {("group:frontline", Template.GROUP_FREED)}
    relieved = {("agent:A1024", Template.HOLDER_RELIEVED)}
    assert words == freed if reason is HolderReason.RECUSED else freed | relieved


@pytest.mark.parametrize(
    "event",
    [
        lost(HolderReason.RELEASED),
        lost(HolderReason.RUNG_LEFT, rung="senior"),
        on_rung(escalation.HolderChanged),
    ],
)
def test_nothing_is_said_of_a_case_that_its_holder_put_back_or_that_climbed(
    event: escalation.HolderChanged,
) -> None:
    assert told(*HELD, event) == ()


def test_a_case_that_goes_to_another_group_is_briefed_there() -> None:
    senior = (*OPEN, entered("senior"))
    other = held_by(None, HolderReason.GROUP_CHANGED, "senior", owner_group="technical_support")
    assert names(*senior, other) == {("group:technical_support", Template.GROUP_BRIEF)}
    written = held_by(None, HolderReason.GROUP_CHANGED, "email", owner_group="written_care")
    assert names(*senior, written) == {("group:written_care", Template.GROUP_WRITTEN_BRIEF)}


def test_the_customer_is_not_told_of_the_person_whom_they_were_told_of_last() -> None:
    again = (*HELD, lost(HolderReason.RELEASED), CLAIMED)
    assert told(*again) == ()
    other = held_by("A1025", HolderReason.CLAIMED)
    assert names(*HELD, lost(HolderReason.RELEASED), other) == {(CUSTOMER, Template.HOLDER_CHANGED)}
    # In between they were told that the group has it: now the person is news again.
    reply = said(conversation.CustomerRepliedTo, channel="phone", text="we look into it")
    between = (*HELD, lost(HolderReason.RELEASED), reply, ladder_moved(240))
    assert names(*between, CLAIMED) == {(CUSTOMER, Template.HOLDER_CHANGED)}


def test_a_retraction_is_one_word_to_the_customer_and_a_brief_to_whoever_has_it_back() -> None:
    history = (
        *HELD,
        held_by(None, HolderReason.RUNG_LEFT, "senior", previous_staff_number="A1024"),
        entered("senior"),
        held_by("A2001", HolderReason.CLAIMED, "senior"),
        retracted(),
        held_by("A1024", HolderReason.RETRACTED, previous_staff_number="A2001"),
    )
    back, holder = tell(*history)[-2:]
    assert [word.template for word in back.announcements if word.to_customer] == [
        Template.RUNG_RETRACTED
    ]
    assert {(word.recipient, word.template) for word in holder.announcements} == {
        ("agent:A1024", Template.HOLDER_BRIEF),
        ("agent:A2001", Template.HOLDER_RELIEVED),
    }


def test_on_a_customer_driven_rung_only_the_redacted_text_goes_to_the_agent() -> None:
    social = entered("social", side=Side.CUSTOMER, reason=RungReason.OFFER_ACCEPTED)
    given = held_by("A4001", HolderReason.ASSIGNED, "social")
    assert to("agent:A4001", *OPEN, social, given).needs_consent == "social"
    free = lost(HolderReason.SILENT, rung="social")
    assert to("group:social_care", *OPEN, social, free).needs_consent == "social"
    on_senior = held_by("A2001", HolderReason.ASSIGNED, "senior")
    assert to("agent:A2001", *OPEN, entered("senior"), on_senior).needs_consent is None


def test_an_event_of_a_release_that_gave_no_reason_is_told_as_far_as_it_can_be() -> None:
    nameless = on_rung(escalation.HolderChanged, staff_number="A1024", name="李四")
    assert names(*OPEN, nameless) == {(CUSTOMER, Template.HOLDER_CHANGED)}
    given = on_rung(escalation.HolderChanged, staff_number="A1025", brief="ask nothing again")
    assert ("agent:A1025", Template.HOLDER_BRIEF) in names(*HELD, given)
