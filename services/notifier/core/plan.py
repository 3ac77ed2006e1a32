"""From an announcement to deliveries: on which channels, to which address, or why not at all.

Owns the delivery's key and every reason to suppress one. An agent who has not said how is reached
through the group whose case it is, and always in the own inbox. Renders nothing and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from schemas.pack import GroupRule, Notify
from schemas.vocabulary import DeliveryChannel
from services.notifier.core.announcement import Announcement
from services.notifier.core.recipient import ChannelAddress, Preferences
from services.notifier.core.story import GROUP_PREFIX
from services.notifier.core.vocabulary import Reason, Template

_KEYS: Final = UUID("5f0d5c55-3f0e-5d0c-9f43-4f5b1f0f7b11")

_BY_HAND: Final = frozenset(
    {Template.CUSTOMER_ASKED, Template.CUSTOMER_REPLIED_TO, Template.PROMISE_MADE}
)
"""What an agent says to the customer themselves: told also of a case that was only imported."""

_QUIET: Final = frozenset({Template.HOLDER_RELIEVED})
"""What only concerns one agent: no matter for the mailbox of a group."""

Stated = Mapping[str, Preferences]
"""How recipients want to be told, by recipient; those who said nothing are absent."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for one recipient on one channel; `reason` says why it goes, or why not.

    `owner` is whose address it is: the recipient, or the group through which an agent is reached.
    """

    id: UUID
    announcement: Announcement
    channel: DeliveryChannel
    address: ChannelAddress | None
    owner: str
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


@dataclass(frozen=True, slots=True)
class Way:
    """A channel with its address, and whose it is."""

    address: ChannelAddress
    owner: str


def delivery_id(event_id: UUID, recipient: str, channel: DeliveryChannel) -> UUID:
    """The id of the one delivery of (event, recipient, channel)."""
    return uuid5(_KEYS, f"{event_id}|{recipient}|{channel}")


def asked_for(words: Iterable[Announcement]) -> set[str]:
    """The recipients whose wishes must be known to tell these words."""
    return {
        name
        for word in words
        for name in ((word.recipient, word.owner_group) if word.to_agent else (word.recipient,))
    }


def wishes(announcement: Announcement, stated: Stated) -> Preferences | None:
    """What the recipient said; of an agent who said nothing, what the group said."""
    own = stated.get(announcement.recipient)
    if own is None and announcement.to_agent:
        return stated.get(announcement.owner_group)
    return own


def plan(
    announcement: Announcement, stated: Stated, reach: Reach, now: datetime
) -> tuple[Delivery, ...]:
    """One delivery per channel of the recipient; when none can go, one that says why."""
    wanted = _ways(announcement, announcement.recipient, stated, reach)
    refused = _refused(announcement, reach, now)
    usable = tuple(way for way in wanted if _usable(way.address))
    allowed = tuple(way for way in usable if _allowed(announcement, way, stated))
    if refused is not None:
        return _each(announcement, usable or wanted[:1], refused)
    if allowed:
        return _each(announcement, allowed, Reason.OWED)
    reason = Reason.OPTED_OUT if usable else Reason.NO_ADDRESS
    return _each(announcement, wanted[:1], reason)


def _ways(
    announcement: Announcement, recipient: str, stated: Stated, reach: Reach
) -> tuple[Way, ...]:
    """The channels in order, never none: the recipient's own, the group's, or the policy's."""
    own = stated.get(recipient)
    if own is not None and own.channels is not None:
        addresses = _first_of_each(own.channels)
    elif announcement.to_agent and recipient == announcement.recipient:
        return _ways_of_agent(announcement, stated, reach)
    else:
        addresses = _by_policy(announcement, recipient, reach)
    return tuple(Way(address, recipient) for address in addresses or (_NOWHERE,))


def _ways_of_agent(announcement: Announcement, stated: Stated, reach: Reach) -> tuple[Way, ...]:
    inbox = Way(_without(DeliveryChannel.IN_APP), announcement.recipient)
    if announcement.template in _QUIET:
        return (inbox,)
    through = _ways(announcement, announcement.owner_group, stated, reach)
    kept = tuple(way for way in through if way.address.channel is not DeliveryChannel.IN_APP)
    return (*kept, inbox)


def _first_of_each(addresses: tuple[ChannelAddress, ...]) -> tuple[ChannelAddress, ...]:
    """One address per channel: the first that may be used, else the first."""
    first: dict[DeliveryChannel, ChannelAddress] = {}
    for address in addresses:
        kept = first.setdefault(address.channel, address)
        if not _usable(kept) and _usable(address):
            first[address.channel] = address
    return tuple(first.values())


def _by_policy(
    announcement: Announcement, recipient: str, reach: Reach
) -> tuple[ChannelAddress, ...]:
    names = reach.notify.customer if announcement.to_customer else reach.notify.group
    channels = [DeliveryChannel(name) for name in dict.fromkeys(names)]
    return tuple(_at(announcement, recipient, channel, reach) for channel in channels)


def _at(
    announcement: Announcement, recipient: str, channel: DeliveryChannel, reach: Reach
) -> ChannelAddress:
    if channel is DeliveryChannel.IN_APP:
        return _without(channel)
    address: str | None
    if announcement.to_customer:
        customer = announcement.story.customer
        address = customer.email if channel is DeliveryChannel.EMAIL else None
    else:
        group = reach.groups.get(recipient.removeprefix(GROUP_PREFIX))
        by_channel = {
            DeliveryChannel.EMAIL: group.mailbox if group else None,
            DeliveryChannel.WEBHOOK: group.webhook if group else None,
        }
        address = by_channel[channel]
    if address is None:
        return _without(channel)
    return ChannelAddress(channel=channel, address=address)


def _without(channel: DeliveryChannel) -> ChannelAddress:
    # Not validated: a channel without its address is exactly what is to be recorded.
    return ChannelAddress.model_construct(channel=channel, address=None, verified=True, secret=None)


_NOWHERE: Final = _without(DeliveryChannel.EMAIL)
"""What is recorded of a recipient for whom nothing names a channel."""


def _usable(address: ChannelAddress) -> bool:
    if address.channel is DeliveryChannel.IN_APP:
        return True
    return address.address is not None and address.verified


def _allowed(announcement: Announcement, way: Way, stated: Stated) -> bool:
    """Whether nobody said that this text may not go this way: neither whose it is nor who reads."""
    text, channel = announcement.template, way.address.channel
    asked = (stated.get(announcement.recipient), stated.get(way.owner))
    return all(
        channel in one.preferences[text]
        for one in asked
        if one is not None and text in one.preferences
    )


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
    announcement: Announcement, ways: tuple[Way, ...], reason: Reason
) -> tuple[Delivery, ...]:
    return tuple(
        Delivery(
            id=delivery_id(
                announcement.cause.event_id, announcement.recipient, way.address.channel
            ),
            announcement=announcement,
            channel=way.address.channel,
            address=way.address,
            owner=way.owner,
            reason=reason,
        )
        for way in ways
    )
