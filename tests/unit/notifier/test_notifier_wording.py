"""Every closed word of the contract reads as a word of the language, and times are the reader's."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import pytest

from schemas.vocabulary import (
    Channel,
    ConsentTo,
    HolderReason,
    Lane,
    RungReason,
    Severity,
    Status,
)
from services.notifier.core.announcement import Announcement, Cause
from services.notifier.core.recipient import Preferences
from services.notifier.core.story import AskedState, Detail, Holder, Line, LineKind, Story, Told
from services.notifier.core.vocabulary import Template
from services.notifier.core.wording import LANGUAGES, context, voice_for
from services.notifier.render import Renderer
from tests.support.notifier_stories import (
    EN,
    PACK,
    SUBJECT,
    T0,
    ZH,
    at,
    case_opened,
    entered,
    event_id,
    started,
    story_of,
)

RENDERER = Renderer()
CAUSE = Cause(event_id("cause"), at(0))
REASONS: tuple[StrEnum, ...] = (*RungReason, *HolderReason)
STAFF = ("group_", "holder_brief", "holder_relieved")
TO_CUSTOMERS = [template for template in Template if not template.startswith(STAFF)]
languages = pytest.mark.parametrize("language", LANGUAGES)


def text(
    language: str,
    template: Template,
    recipient: str = "group:senior",
    because: str | None = None,
    **changes: Any,
) -> str:
    """What a recipient reads of a case on the senior rung."""
    customer = {"en": EN, "zh": ZH}[language]
    story = story_of(case_opened(customer), started(), entered("senior"))
    word = Announcement(
        recipient, template, story.model_copy(update=changes), Detail(because=because), CAUSE
    )
    voice = voice_for(word, None, PACK)
    return RENDERER.message(template, language, context(word, PACK, voice, at(1))).text


def differ(texts: Iterable[str]) -> bool:
    seen = list(texts)
    return len(set(seen)) == len(seen)


@languages
def test_every_reason_has_words_for_the_operators_people(language: str) -> None:
    texts = {
        reason: text(language, Template.GROUP_BRIEF, because=reason.value) for reason in REASONS
    }
    assert differ(texts.values())
    assert not [reason for reason, brief in texts.items() if "_" in reason and reason in brief]


@languages
def test_every_reason_to_climb_has_a_sentence_for_the_customer(language: str) -> None:
    own_fault = {"en": "in the time we set ourselves", "zh": "没有在规定时间内"}[language]
    for reason in RungReason:
        told = text(language, Template.RUNG_ENTERED, str(SUBJECT), because=reason.value)
        assert reason.value not in told or "_" not in reason.value
        in_time = reason in {
            RungReason.SEVERITY_RAISED,
            RungReason.ACTION_LATE,
            RungReason.ACTION_REFUSED,
            RungReason.NOBODY_AVAILABLE,
            RungReason.CUSTOMER_ASKED,
            RungReason.AGENT_ASKED,
            RungReason.DE_ESCALATED,
            RungReason.OFFER_DECLINED,
            RungReason.OFFER_EXPIRED,
            RungReason.PROMISE_BROKEN,
            RungReason.ACKNOWLEDGEMENT_MISSED,
        }
        assert (own_fault in told) is not in_time


@languages
def test_what_other_departments_do_has_words(language: str) -> None:
    asked = dict(zip(("freeze", "trace", "dance"), AskedState, strict=True))
    brief = text(language, Template.GROUP_BRIEF, asked=asked)
    expected = {
        "en": ("- Freeze the account: no answer yet", "- Trace the transaction: not done in time"),
        "zh": ("- 冻结账户：尚未答复", "- 追踪交易：未按时完成"),
    }[language]
    assert all(line in brief for line in expected)
    assert "- dance" in brief  # an action that this policy has no name for


@languages
def test_whatever_a_case_is_it_can_be_briefed(language: str) -> None:
    lines = tuple(
        Line(at=T0, kind=kind, inbound=inbound, channel=channel)
        for kind in LineKind
        for inbound in (True, False)
        for channel in (None, *Channel)
    )
    for status in Status:
        told = tuple(Told(template=template, at=T0) for template in TO_CUSTOMERS)
        brief = text(
            language,
            Template.GROUP_BRIEF,
            status=status,
            consents=frozenset(ConsentTo),
            told=told,
            conversation=lines,
        )
        assert not [template for template in TO_CUSTOMERS if template in brief]
    kinds = {
        text(language, Template.GROUP_BRIEF, severity=severity, lane=lane)
        for severity in Severity
        for lane in Lane
    }
    assert len(kinds) == len(Severity) * len(Lane)


def test_a_complaint_about_an_agent_is_no_news_for_that_agent() -> None:
    reasons = {
        reason: text("en", Template.HOLDER_RELIEVED, "agent:A1024", because=reason.value)
        for reason in HolderReason
    }
    assert "Why:" not in reasons[HolderReason.COMPLAINED_ABOUT]
    assert all("Why:" in reasons[r] for r in HolderReason if r != HolderReason.COMPLAINED_ABOUT)


def test_the_operators_people_read_the_policys_zone_unless_they_say_else() -> None:
    story: Story = story_of(case_opened(EN), started())

    def zone(recipient: str, wishes: Preferences | None = None) -> str:
        word = Announcement(recipient, Template.GROUP_BRIEF, story, Detail(), CAUSE)
        return str(voice_for(word, wishes, PACK).zone)

    assert zone(str(SUBJECT)) == "America/New_York"
    assert zone("group:senior") == zone("agent:A2001") == "Asia/Shanghai"
    assert zone("agent:A2001", Preferences(time_zone="Asia/Tokyo")) == "Asia/Tokyo"


def test_nobody_is_asked_again_for_what_was_tried_or_proved() -> None:
    holder = Holder(staff_number="A2001", name="王五")
    known = story_of(case_opened(EN, identity_verified=True), started(), entered("senior"))
    assert known.standing is not None
    standing = known.standing.model_copy(update={"holder": holder})
    brief = text("en", Template.HOLDER_BRIEF, "agent:A2001", standing=standing)
    assert "identity not verified yet" in brief
    proved = text("en", Template.HOLDER_BRIEF, standing=standing, identity_verified=True)
    assert "identity verified" in proved
    assert "Already tried, not to be asked for again: restarted the app" in proved
    bare = text("en", Template.HOLDER_BRIEF, standing=standing, facts={})
    assert "Already tried" not in bare
    assert "Known facts" not in bare
