"""What the kit asks the notifier: an event's effect on a story, and the rows it leads to.

Owns the translation between the kit and the core. The decision itself is in `core/`; sending is
the courier's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from schemas.case import CaseOpened, PackPin
from schemas.event import EventData
from schemas.pack import Pack
from schemas.topics import CASES, DELIVERIES
from schemas.vocabulary import DeliveryChannel, DeliveryStatus
from services.kit.entities import Decided, Decision, Entity, Incoming, Wake
from services.kit.faults import Poison, Postpone
from services.kit.unit import QUERIES as KIT_QUERIES
from services.kit.unit import Unit
from services.notifier import metrics, store
from services.notifier.core.advance import Heard, Step, advance, lapse
from services.notifier.core.announcement import Announcement
from services.notifier.core.plan import Delivery, Reach, Stated, asked_for, plan
from services.notifier.core.story import Story, load
from services.notifier.core.vocabulary import Reason
from services.notifier.freeze import Freezer

COURIER_CHANNEL = "courier"
INBOX_CHANNEL = "inbox"


@dataclass(frozen=True, slots=True)
class Owed:
    """The effects of a decision: who is owed a word, and under which policy."""

    words: tuple[Announcement, ...]
    policy: Pack


@dataclass(frozen=True, slots=True)
class _Planned:
    decided: Decided
    row: store.NewDelivery


class NotifierLogic:
    """The notifier's half of the consumer; `policies` by digest."""

    def __init__(
        self, policies: Mapping[str, Pack], freezer: Freezer, stale_after: timedelta
    ) -> None:
        self._policies = policies
        self._freezer = freezer
        self._stale_after = stale_after
        self.planned = 0

    def on_event(self, entity: Entity, incoming: Incoming, now: datetime) -> Decision:
        """Remember the event; note who is owed a word. Raises `Poison` or `Postpone`."""
        event: EventData | None = incoming.event
        if event is None or _is_erased(entity):
            return Decision(None)
        before = load(entity.state) if entity.state is not None else None
        policy = self._policy(_pin(event, before))
        heard = Heard(
            event, incoming.id, incoming.recordedat, incoming.sequence, incoming.after.get(CASES, 0)
        )
        step = advance(entity.id, before, heard, policy)
        subject = event.data_subject if isinstance(event, CaseOpened) else None
        return _decision(step, policy, subject)

    def on_wake(self, entity: Entity, wake: Wake, now: datetime) -> Decision:
        """The ladder has not reacted in time: tell what waited for it."""
        if entity.state is None:
            return Decision(None)
        story = load(entity.state)
        return _decision(lapse(story, now), self._policy(story.policy), None)

    def _policy(self, pin: PackPin) -> Pack:
        policy = self._policies.get(pin.digest)
        if policy is None:
            raise Postpone("policy_missing")
        return policy

    async def write(self, unit: Unit, decided: Sequence[Decided]) -> None:
        """Plan, freeze and store the deliveries, and say so on topic `deliveries`."""
        owing = [one for one in decided if isinstance(one.decision.effects, Owed)]
        recipients = asked_for(word for one in owing for word in one.decision.effects.words)
        if not recipients:
            return
        stated = await store.read_preferences(unit.conn, unit.sealer, recipients)
        await unit.sealer.load({s for one in owing if (s := one.entity.subject)}, create=True)
        planned = [p for one in owing for p in self._plan(unit, one, stated)]
        new = await store.plan(unit, [one.row for one in planned])
        for one in planned:
            if one.row.id in new:
                _announce(unit, one)
        self.planned += len(new)
        await unit.conn.execute(KIT_QUERIES["notify"], COURIER_CHANNEL)
        await unit.conn.execute(KIT_QUERIES["notify"], INBOX_CHANNEL)

    def _plan(self, unit: Unit, one: Decided, stated: Stated) -> list[_Planned]:
        owed: Owed = one.decision.effects
        reach = Reach(owed.policy.notify, owed.policy.groups, self._stale_after)
        now = unit.now_for(one.entity)
        return [
            _Planned(one, self._row(unit, one, delivery, stated))
            for word in owed.words
            for delivery in plan(word, stated, reach, now)
        ]

    def _row(
        self, unit: Unit, one: Decided, delivery: Delivery, stated: Stated
    ) -> store.NewDelivery:
        owed: Owed = one.decision.effects
        now, subject = unit.now_for(one.entity), delivery.announcement.story.customer.recipient
        row = store.suppressed(delivery, subject, now)
        if not delivery.goes_out:
            return row
        frozen = self._freezer.freeze(delivery, owed.policy, stated, now)
        if frozen is None:
            return replace(row, reason=Reason.UNRENDERABLE)
        body = unit.sealer.seal(subject, frozen.model_dump_json().encode(), delivery.id.bytes)
        if body is None:
            return replace(row, reason=Reason.SUBJECT_ERASED)
        return store.going_out(row, body, now, unit.real_now)


def _pin(event: EventData, before: Story | None) -> PackPin:
    if before is not None:
        return before.policy
    if isinstance(event, CaseOpened):
        return event.policy
    raise Poison("case_not_opened", type(event).event_name)


def _decision(step: Step, policy: Pack, subject: UUID | None) -> Decision:
    owed = Owed(step.announcements, policy)
    return Decision(step.story.dump(), wake_at=step.wake_at, subject=subject, effects=owed)


def _is_erased(entity: Entity) -> bool:
    # The blob that no key opens is gone for good once the row was written again; that the case
    # had a subject stays.
    return entity.state is None and entity.subject is not None


def _announce(unit: Unit, one: _Planned) -> None:
    """Say on topic `deliveries` what was planned, in the case's stream."""
    row, entity = one.row, one.decided.entity
    statuses = [row.status]
    if row.channel is DeliveryChannel.IN_APP and row.status is DeliveryStatus.SENT:
        statuses.insert(0, DeliveryStatus.PLANNED)
    events = tuple(
        (DELIVERIES, store.to_event(status, row.named(), row.planned_at)) for status in statuses
    )
    unit.apply(
        entity,
        Decision(None, events, wake_at=entity.wake_at, held_until=entity.held_until),
        row.event_id,
    )
    metrics.DELIVERIES.labels(channel=row.channel, status=row.status).inc()
