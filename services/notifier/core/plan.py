"""From an announcement to deliveries: on which channels, to which address, or why not at all.

Owns the delivery's key and every reason to suppress one. Renders nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from schemas.pack import GroupRule, Notify
from schemas.vocabulary import DeliveryChannel
from services.notifier.core.announce import Announcement
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.story import GROUP_PREFIX
from services.notifier.core.vocabulary import Reason, Template

_KEYS: Final = UUID("5f0d5c55-3f0e-5d0c-9f43-4f5b1f0f7b11")

_BY_HAND: Final = frozenset(
    {Template.CUSTOMER_ASKED, Template.CUSTOMER_REPLIED_TO, Template.PROMISE_MADE}
)
"""What an agent says to the customer themselves: told also of a case that was only imported."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one recipient on one channel; `reason` says why it goes, or why not."""

    id: UUID
    announcement: Announcement
    channel: DeliveryChannel
    address: ChannelAddress | None
    reason: Reason

    @property
    def key(self) -> str:
        """Stable over every attempt and every replay: what a recipient may deduplicate by."""
        return str(self.id)

    @property
    def goes_out(self) -> bool:
        """Whether it is planned (else suppressed)."""
        return self.reason is Reason.OWED


@dataclass(frozen=True, slots=True)
class Reach:
    """What the policy says about reaching people."""

    notify: Notify
    groups: Mapping[str, GroupRule]
    stale_after: timedelta


def delivery_id(event_id: UUID, recipient: str, channel: DeliveryChannel) -> UUID:
    """The id of the one delivery of (event, recipient, channel)."""
    return uuid5(_KEYS, f"{event_id}|{recipient}|{channel}")


def plan(
    announcement: Announcement,
    preferences: Preferences | None,
    reach: Reach,
    now: datetime,
) -> tuple[Delivery, ...]:
    """One delivery per channel of the recipient; when none can go, one that says why."""
    wanted = wanted_channels(announcement, preferences, reach)
    refused = _refused(announcement, reach, now)
    usable = tuple(address for address in wanted if _usable(address))
    allowed = tuple(address for address in usable if _allowed(announcement, address, preferences))
    if refused is not None:
        return _each(announcement, usable or wanted[:1], refused)
    if allowed:
        return _each(announcement, allowed, Reason.OWED)
    reason = Reason.OPTED_OUT if usable else Reason.NO_ADDRESS
    return _each(announcement, wanted[:1], reason)


def wanted_channels(
    announcement: Announcement, preferences: Preferences | None, reach: Reach
) -> tuple[ChannelAddress, ...]:
    """The channels in order: the recipient's own if they said so, else the policy's."""
    if preferences is not None and preferences.channels is not None:
        return _first_of_each(preferences.channels) or (_without(DeliveryChannel.EMAIL),)
    names = reach.notify.group if announcement.to_group else reach.notify.customer
    channels = [DeliveryChannel(name) for name in dict.fromkeys(names)]
    wanted = tuple(_by_policy(announcement, channel, reach) for channel in channels)
    return wanted or (_without(DeliveryChannel.EMAIL),)


def _first_of_each(addresses: tuple[ChannelAddress, ...]) -> tuple[ChannelAddress, ...]:
    """One address per channel: the first that may be used, else the first."""
    first: dict[DeliveryChannel, ChannelAddress] = {}
    for address in addresses:
        kept = first.setdefault(address.channel, address)
        if not _usable(kept) and _usable(address):
            first[address.channel] = address
    return tuple(first.values())


def _by_policy(
    announcement: Announcement, channel: DeliveryChannel, reach: Reach
) -> ChannelAddress:
    if channel is DeliveryChannel.IN_APP:
        return _without(channel)
    address: str | None
    if announcement.to_group:
        group = reach.groups.get(announcement.recipient.removeprefix(GROUP_PREFIX))
        by_channel = {
            DeliveryChannel.EMAIL: group.mailbox if group else None,
            DeliveryChannel.WEBHOOK: group.webhook if group else None,
        }
        address = by_channel[channel]
    else:
        customer = announcement.story.customer
        address = customer.email if channel is DeliveryChannel.EMAIL else None
    if address is None:
        return _without(channel)
    return ChannelAddress(channel=channel, address=address)


def _without(channel: DeliveryChannel) -> ChannelAddress:
    # Not validated: a channel without its address is exactly what is to be recorded.
    return ChannelAddress.model_construct(channel=channel, address=None, verified=True, secret=None)


def _usable(address: ChannelAddress) -> bool:
    if address.channel is DeliveryChannel.IN_APP:
        return True
    return address.address is not None and address.verified


def _allowed(
    announcement: Announcement, address: ChannelAddress, preferences: Preferences | None
) -> bool:
    if preferences is None or announcement.template not in preferences.preferences:
        return True
    return address.channel in preferences.preferences[announcement.template]


def _refused(announcement: Announcement, reach: Reach, now: datetime) -> Reason | None:
    story = announcement.story
    if story.historical and story.episode == 1 and announcement.template not in _BY_HAND:
        return Reason.IMPORTED
    consent = announcement.needs_consent
    if consent is not None and consent not in announcement.story.consents:
        return Reason.CONSENT_MISSING
    if now - announcement.cause.recorded_at > reach.stale_after:
        return Reason.STALE_ON_ARRIVAL
    return None


def _each(
    announcement: Announcement,
    addresses: tuple[ChannelAddress, ...],
    reason: Reason,
) -> tuple[Delivery, ...]:
    return tuple(
        Delivery(
            id=delivery_id(announcement.cause.event_id, announcement.recipient, address.channel),
            announcement=announcement,
            channel=address.channel,
            address=address,
            reason=reason,
        )
        for address in addresses
    )
