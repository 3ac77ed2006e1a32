"""On which channels a recipient is told, and every reason not to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from schemas.pack import GroupRule, Notify
from schemas.report import Customer
from schemas.vocabulary import DeliveryChannel, ImportMode, RungReason
from services.notifier.core.announce import Announcement, Cause
from services.notifier.core.plan import Delivery, Reach, delivery_id, plan
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.story import Detail
from services.notifier.core.vocabulary import Reason, Template
from tests.support.notifier_stories import (
    SUBJECT,
    ZH,
    at,
    case_opened,
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


def outcomes(deliveries: tuple[Delivery, ...]) -> list[tuple[DeliveryChannel, Reason]]:
    return [(delivery.channel, delivery.reason) for delivery in deliveries]


def test_the_policys_channels_in_order_where_there_is_an_address() -> None:
    deliveries = plan(word(), None, REACH, at(1))
    assert outcomes(deliveries) == [(EMAIL, Reason.OWED), (IN_APP, Reason.OWED)]
    assert deliveries[0].address is not None
    assert deliveries[0].address.address == "customer@example.com"
    without = word(customer=ZH.model_copy(update={"email": None}))
    assert outcomes(plan(without, None, REACH, at(1))) == [(IN_APP, Reason.OWED)]


def test_a_recipient_without_any_address_is_recorded_as_such() -> None:
    deliveries = plan(word("group:unknown"), None, REACH, at(1))
    assert outcomes(deliveries) == [(EMAIL, Reason.NO_ADDRESS)]
    assert not deliveries[0].goes_out


def test_a_groups_mailbox_comes_from_the_policy() -> None:
    (delivery,) = plan(word("group:senior"), None, REACH, at(1))
    assert delivery.address is not None
    assert delivery.address.address == "senior@wallet.example"


def test_the_recipients_own_channels_win_and_unverified_ones_do_not_count() -> None:
    own = Preferences(
        channels=(
            ChannelAddress(channel=WEBHOOK, address="https://example.com/hook"),
            ChannelAddress(channel=EMAIL, address="other@example.com", verified=False),
        )
    )
    assert outcomes(plan(word(), own, REACH, at(1))) == [(WEBHOOK, Reason.OWED)]


def test_of_several_addresses_the_first_verified_one_is_used() -> None:
    own = Preferences(
        channels=(
            ChannelAddress(channel=EMAIL, address="old@example.com", verified=False),
            ChannelAddress(channel=EMAIL, address="new@example.com"),
            ChannelAddress(channel=EMAIL, address="newer@example.com"),
        )
    )
    (delivery,) = plan(word(), own, REACH, at(1))
    assert delivery.address is not None
    assert delivery.address.address == "new@example.com"


def test_a_policy_that_names_no_channel_is_recorded_as_such() -> None:
    mute = Reach(Notify(customer=(), group=()), {}, timedelta(hours=24))
    assert outcomes(plan(word(), None, mute, at(1))) == [(EMAIL, Reason.NO_ADDRESS)]


def test_preferences_per_text_narrow_the_channels_down_to_none() -> None:
    narrow = Preferences(preferences={Template.CASE_RECEIVED: (IN_APP,)})
    assert outcomes(plan(word(), narrow, REACH, at(1))) == [(IN_APP, Reason.OWED)]
    silent = Preferences(preferences={Template.CASE_RECEIVED: ()})
    assert outcomes(plan(word(), silent, REACH, at(1))) == [(EMAIL, Reason.OPTED_OUT)]


def test_old_news_is_recorded_and_not_sent() -> None:
    edge = plan(word(), None, REACH, at(24 * 60))
    assert all(delivery.goes_out for delivery in edge)
    late = plan(word(), None, REACH, at(24 * 60 + 1))
    assert [reason for _, reason in outcomes(late)] == [Reason.STALE_ON_ARRIVAL] * 2


def test_nothing_is_handed_over_without_consent() -> None:
    needing = word("group:senior", consent="social")
    assert outcomes(plan(needing, None, REACH, at(1))) == [(EMAIL, Reason.CONSENT_MISSING)]


def test_the_key_depends_on_event_recipient_and_channel_only() -> None:
    first = plan(word(), None, REACH, at(1))
    again = plan(word(), None, REACH, at(2))
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
        return {delivery.reason for delivery in plan(owed, None, REACH, at(1))}

    assert told(Template.CASE_RECEIVED) == {Reason.IMPORTED}
    assert told(Template.CASE_CLOSED) == {Reason.IMPORTED}
    # What an agent says by hand, and what happens after a reopening, is told.
    assert told(Template.CUSTOMER_REPLIED_TO) == {Reason.OWED}
    assert told(Template.CASE_REOPENED, episode=2) == {Reason.OWED}
