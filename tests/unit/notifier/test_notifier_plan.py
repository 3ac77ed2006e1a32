"""On which channels a recipient is told, and every reason not to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from schemas.pack import GroupRule, Notify
from schemas.report import Customer
from schemas.vocabulary import DeliveryChannel, ImportMode, RungReason
from services.notifier.core.announcement import Announcement, Cause
from services.notifier.core.plan import Delivery, Reach, asked_for, delivery_id, plan, wishes
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.story import Detail
from services.notifier.core.vocabulary import Reason, Template
from tests.support.notifier_stories import (
    SUBJECT,
    ZH,
    at,
    case_opened,
    entered,
    event_id,
    started,
    story_of,
)

REACH = Reach(
    notify=Notify(customer=("email", "in_app"), group=("email",)),
    groups={"senior": GroupRule(title={}, mailbox="senior@wallet.example")},
    stale_after=timedelta(hours=24),
)
CAUSE = Cause(event_id("cause"), at(0))
EMAIL, IN_APP, WEBHOOK = DeliveryChannel.EMAIL, DeliveryChannel.IN_APP, DeliveryChannel.WEBHOOK


def word(
    recipient: str = str(SUBJECT), customer: Customer | None = ZH, consent: str | None = None
) -> Announcement:
    story = story_of(case_opened(customer), started())
    return Announcement(recipient, Template.CASE_RECEIVED, story, Detail(), CAUSE, consent)


def brief(template: Template = Template.HOLDER_BRIEF) -> Announcement:
    """What A2001 is owed about a case of the senior group."""
    story = story_of(case_opened(), started(), entered("senior"))
    return Announcement("agent:A2001", template, story, Detail(), CAUSE)


def addressed(deliveries: tuple[Delivery, ...]) -> list[tuple[DeliveryChannel, str | None, str]]:
    return [
        (one.channel, one.address.address if one.address else None, one.owner) for one in deliveries
    ]


def outcomes(deliveries: tuple[Delivery, ...]) -> list[tuple[DeliveryChannel, Reason]]:
    return [(delivery.channel, delivery.reason) for delivery in deliveries]


def test_the_policys_channels_in_order_where_there_is_an_address() -> None:
    deliveries = plan(word(), {}, REACH, at(1))
    assert outcomes(deliveries) == [(EMAIL, Reason.OWED), (IN_APP, Reason.OWED)]
    assert deliveries[0].address is not None
    assert deliveries[0].address.address == "customer@example.com"
    without = word(customer=ZH.model_copy(update={"email": None}))
    assert outcomes(plan(without, {}, REACH, at(1))) == [(IN_APP, Reason.OWED)]


def test_a_recipient_without_any_address_is_recorded_as_such() -> None:
    deliveries = plan(word("group:unknown"), {}, REACH, at(1))
    assert outcomes(deliveries) == [(EMAIL, Reason.NO_ADDRESS)]
    assert not deliveries[0].goes_out


def test_a_groups_mailbox_comes_from_the_policy() -> None:
    (delivery,) = plan(word("group:senior"), {}, REACH, at(1))
    assert delivery.address is not None
    assert delivery.address.address == "senior@wallet.example"


def test_an_agent_is_reached_through_the_group_and_in_the_own_inbox() -> None:
    deliveries = plan(brief(), {}, REACH, at(1))
    assert addressed(deliveries) == [
        (EMAIL, "senior@wallet.example", "group:senior"),
        (IN_APP, None, "agent:A2001"),
    ]
    assert {one.announcement.recipient for one in deliveries} == {"agent:A2001"}
    homeless = Reach(REACH.notify, {}, REACH.stale_after)
    assert outcomes(plan(brief(), {}, homeless, at(1))) == [(IN_APP, Reason.OWED)]


def test_an_agents_own_channels_win_over_the_groups() -> None:
    own = Preferences(channels=(ChannelAddress(channel=EMAIL, address="wang@wallet.example"),))
    deliveries = plan(brief(), {"agent:A2001": own}, REACH, at(1))
    assert addressed(deliveries) == [(EMAIL, "wang@wallet.example", "agent:A2001")]


def test_what_a_group_said_of_its_channels_holds_for_its_agents() -> None:
    said = Preferences(
        channels=(
            ChannelAddress(channel=WEBHOOK, address="https://example.com/senior"),
            ChannelAddress(channel=IN_APP),
        ),
        preferences={Template.HOLDER_RELIEVED: (WEBHOOK,)},
        locale="en",
    )
    stated = {"group:senior": said}
    assert asked_for([brief()]) == {"agent:A2001", "group:senior"}
    assert addressed(plan(brief(), stated, REACH, at(1))) == [
        (WEBHOOK, "https://example.com/senior", "group:senior"),
        (IN_APP, None, "agent:A2001"),
    ]
    assert wishes(brief(), stated) == said
    mute = {"group:senior": Preferences(preferences={Template.HOLDER_BRIEF: ()})}
    assert outcomes(plan(brief(), mute, REACH, at(1))) == [(IN_APP, Reason.OWED)]
    picky = {"agent:A2001": Preferences(preferences={Template.HOLDER_BRIEF: (IN_APP,)})}
    assert outcomes(plan(brief(), picky, REACH, at(1))) == [(IN_APP, Reason.OWED)]


def test_that_a_case_is_no_longer_an_agents_is_no_matter_for_the_group() -> None:
    relieved = brief(Template.HOLDER_RELIEVED)
    assert addressed(plan(relieved, {}, REACH, at(1))) == [(IN_APP, None, "agent:A2001")]
    own = Preferences(channels=(ChannelAddress(channel=EMAIL, address="wang@wallet.example"),))
    assert outcomes(plan(relieved, {"agent:A2001": own}, REACH, at(1))) == [(EMAIL, Reason.OWED)]


def test_the_recipients_own_channels_win_and_unverified_ones_do_not_count() -> None:
    own = Preferences(
        channels=(
            ChannelAddress(channel=WEBHOOK, address="https://example.com/hook"),
            ChannelAddress(channel=EMAIL, address="other@example.com", verified=False),
        )
    )
    assert outcomes(plan(word(), {str(SUBJECT): own}, REACH, at(1))) == [(WEBHOOK, Reason.OWED)]


def test_of_several_addresses_the_first_verified_one_is_used() -> None:
    own = Preferences(
        channels=(
            ChannelAddress(channel=EMAIL, address="old@example.com", verified=False),
            ChannelAddress(channel=EMAIL, address="new@example.com"),
            ChannelAddress(channel=EMAIL, address="newer@example.com"),
        )
    )
    (delivery,) = plan(word(), {str(SUBJECT): own}, REACH, at(1))
    assert delivery.address is not None
    assert delivery.address.address == "new@example.com"


def test_a_policy_that_names_no_channel_is_recorded_as_such() -> None:
    mute = Reach(Notify(customer=(), group=()), {}, timedelta(hours=24))
    assert outcomes(plan(word(), {}, mute, at(1))) == [(EMAIL, Reason.NO_ADDRESS)]


def test_preferences_per_text_narrow_the_channels_down_to_none() -> None:
    narrow = Preferences(preferences={Template.CASE_RECEIVED: (IN_APP,)})
    assert outcomes(plan(word(), {str(SUBJECT): narrow}, REACH, at(1))) == [(IN_APP, Reason.OWED)]
    silent = Preferences(preferences={Template.CASE_RECEIVED: ()})
    assert outcomes(plan(word(), {str(SUBJECT): silent}, REACH, at(1))) == [
        (EMAIL, Reason.OPTED_OUT)
    ]


def test_old_news_is_recorded_and_not_sent() -> None:
    edge = plan(word(), {}, REACH, at(24 * 60))
    assert all(delivery.goes_out for delivery in edge)
    late = plan(word(), {}, REACH, at(24 * 60 + 1))
    assert [reason for _, reason in outcomes(late)] == [Reason.STALE_ON_ARRIVAL] * 2


def test_nothing_is_handed_over_without_consent() -> None:
    needing = word("group:senior", consent="social")
    assert outcomes(plan(needing, {}, REACH, at(1))) == [(EMAIL, Reason.CONSENT_MISSING)]


def test_the_key_depends_on_event_recipient_and_channel_only() -> None:
    first = plan(word(), {}, REACH, at(1))
    again = plan(word(), {}, REACH, at(2))
    assert [delivery.key for delivery in first] == [delivery.key for delivery in again]
    assert len({delivery.key for delivery in first}) == 2
    other = delivery_id(event_id("other"), str(SUBJECT), EMAIL)
    assert str(other) not in {delivery.key for delivery in first}


@pytest.mark.parametrize(
    "channel",
    [
        {"channel": "email"},
        {"channel": "email", "address": "not an address"},
        {"channel": "webhook", "address": "ftp://example.com"},
        {"channel": "in_app", "address": "x"},
        {"channel": "sms", "address": "+8613800000000"},
        {"channel": "webhook", "address": "https://example.com", "secret": "short"},
    ],
)
def test_an_address_must_fit_its_channel(channel: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Preferences.model_validate({"channels": [channel]})


def test_nobody_is_told_of_history() -> None:
    opening = case_opened().model_copy(update={"import_mode": ImportMode.HISTORICAL})
    began = started(reason=RungReason.IMPORTED, next_update_at=None)
    story = story_of(opening, began)

    def told(template: Template, episode: int = 1) -> set[Reason]:
        now = story.model_copy(update={"episode": episode})
        owed = Announcement(str(SUBJECT), template, now, Detail(), CAUSE)
        return {delivery.reason for delivery in plan(owed, {}, REACH, at(1))}

    assert told(Template.CASE_RECEIVED) == {Reason.IMPORTED}
    assert told(Template.CASE_CLOSED) == {Reason.IMPORTED}
    # What an agent says by hand, and what happens after a reopening, is told.
    assert told(Template.CUSTOMER_REPLIED_TO) == {Reason.OWED}
    assert told(Template.CASE_REOPENED, episode=2) == {Reason.OWED}
