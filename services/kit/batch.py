"""One batch inside its transaction: sort, lock, apply in order, drain what was parked, write.

Owns the steps and their order. Every effect is in the unit's transaction; counters are told only
after the commit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.burial import bury
from services.kit.entities import Decided, Entity, Incoming, Logic
from services.kit.faults import Poison, Postpone
from services.kit.foreign import ForeignLogic, keep_waiting, to_incoming, unseen
from services.kit.gap import Verdict, judge
from services.kit.parking import ParkingLot
from services.kit.rows import Streams
from services.kit.sealing import UnsealError
from services.kit.sorting import Bad, Beat, Control, Reader, Sealed, Sequenced, Sorted, Stranger
from services.kit.tidings import NOTHING, Fetched, hear_control, note_progress
from services.kit.unit import Unit
from services.kit.wire import record_hash

_log = structlog.get_logger(__name__)


class Batch:
    """The work of one batch."""

    def __init__(
        self,
        unit: Unit,
        streams: Streams,
        reader: Reader,
        logic: Logic | None,
        foreign: ForeignLogic | None,
    ) -> None:
        self.unit = unit
        self.counts: Counter[str] = Counter()
        self.kept_waiting: set[bytes] = set()
        self._streams = streams
        self._reader = reader
        self._logic = logic
        self._foreign = foreign
        self._lot = ParkingLot(unit, reader)
        self._decided: list[Decided] = []
        self._bad: list[Bad] = []

    async def take(self, items: Sequence[Sorted], fetched: Fetched = NOTHING) -> None:
        """All steps, in order; `fetched` are the offsets that are behind us then."""
        of: dict[type[Any], list[Any]] = defaultdict(list)
        for item in items:
            of[type(item)].append(item)
        self._bad += of[Bad]
        await self._take_sequenced(of[Sequenced])
        # What strangers say is decided after the streams, and is written after them too.
        await self._write_decided()
        await self._take_strangers(of[Stranger])
        await hear_control(self.unit, self._streams, of[Control])
        await self._write()
        await note_progress(self.unit.conn, self._streams, of[Beat], fetched)

    async def _write_decided(self) -> None:
        if self._logic and self._decided:
            await self._logic.write(self.unit, self._decided)
            self._decided = []

    async def _write(self) -> None:
        await self._write_decided()
        await self._lot.write()
        if self._bad:
            self.counts["dead_letter"] += await bury(
                self.unit, self._streams.source, self._reader, self._bad
            )

    async def resume(self, entity: Entity) -> None:
        """Go on with what waited for an entity whose position was moved by hand."""
        waiting = await self._lot.load([entity])
        await self.unit.sealer.load(item.sealed.subject for item in waiting if item.sealed)
        self._drain(entity)
        await self._write()

    def count(self) -> None:
        """Tell the metrics, after the commit."""
        for what, number in self.counts.items():
            telemetry.CONSUMED.labels(outcome=what).inc(number)
        telemetry.ERASED_ARRIVALS.inc(self.counts["erased"])

    async def _take_sequenced(self, items: Sequence[Sequenced]) -> None:
        if not items:
            return
        entities = await self.unit.lock([item.entity for item in items], create=True)
        waiting = await self._lot.load(entities.values())
        await self.unit.sealer.load(
            item.sealed.subject for item in [*items, *waiting] if item.sealed
        )
        for item in items:
            self._offer(entities[item.entity], item)

    def _offer(self, entity: Entity, item: Sequenced) -> None:
        """Apply an item if it is its turn, and then what waited for it."""
        verdict = _verdict(entity, item)
        if verdict is Verdict.NEXT:
            if self._apply(entity, item) and entity.parked:
                self._drain(entity)
            return
        self.counts[verdict.value] += 1
        if verdict is not Verdict.SEEN:
            self._lot.enter(entity, item, verdict.value)

    def _drain(self, entity: Entity) -> None:
        """Apply what waited, as long as something's turn comes."""
        progress = True
        while progress:
            progress = False
            for item in self._lot.of(entity):
                verdict = _verdict(entity, item)
                applied = verdict is Verdict.NEXT and self._apply(entity, item)
                if applied or verdict is Verdict.SEEN:
                    self._lot.leave(entity, item)
                    progress = True

    def _apply(self, entity: Entity, item: Sequenced) -> bool:
        """Decide about an event whose turn it is; False if it stops its entity instead."""
        before = entity.inputs[item.topic]
        try:
            if self._logic and self._reader.codec.known_type(item.event.type):
                if self._is_of_the_erased(entity, item):
                    self.counts["erased"] += 1
                else:
                    self._decide(self._logic, entity, item)
        except Postpone as reason:
            self._lot.enter(entity, item, reason.reason)
            return False
        except Exception as error:  # whatever a decision raises stops one case, not the partition
            self._condemn(item, error)
            return False
        entity.inputs[item.topic] = before.then(item.event.sequence, item.hash)
        self.unit.touch(entity)
        self.counts["applied"] += 1
        return True

    def _is_of_the_erased(self, entity: Entity, item: Sequenced) -> bool:
        """Whether nobody is left whom an event could be about: it counts as applied, no more."""
        subject = item.sealed.subject if item.sealed else entity.subject
        if subject and entity.subject in (None, subject) and self.unit.sealer.is_erased(subject):
            entity.erase(subject)
        return entity.erased

    def _decide(self, logic: Logic, entity: Entity, item: Sequenced) -> None:
        incoming = self._incoming(item)
        if item.topic == self._streams.inputs[0] or entity.partition is None:
            entity.partition = item.record.partition
        decision = logic.on_event(entity, incoming, self.unit.now_for(entity))
        # The position counts as applied for the events that this decision emits (`after`).
        entity.inputs[item.topic] = entity.inputs[item.topic].then(incoming.sequence, item.hash)
        self._decided.append(self.unit.apply(entity, decision, incoming.id))

    def _incoming(self, item: Sequenced) -> Incoming:
        event, data = item.event, item.public
        if item.sealed:
            data = data | self._open(item.sealed, event.id)
        read = self._reader.codec.read(event.type, data)
        return Incoming(
            item.topic, item.record.partition, event.id, event.source, event.type, event.sequence,
            event.recordedat, data, self.unit.real_now, read, item.after,
        )  # fmt: skip

    def _open(self, sealed: Sealed, event_id: UUID) -> dict[str, Any]:
        plaintext = self.unit.sealer.open(sealed.subject, sealed.blob, event_id.bytes)
        return {} if plaintext is None else self._reader.codec.parse_private(plaintext)

    def _condemn(self, item: Sequenced, error: Exception) -> None:
        if isinstance(error, Poison):
            reason, detail = error.reason, error.detail
        elif isinstance(error, ValueError | UnsealError):
            reason, detail = "invalid_value", _without_values(error)
        else:
            _log.exception("decision_failed", type=item.event.type, entity=str(item.entity))
            reason, detail = "decision_failed", type(error).__name__
        sequence = item.event.sequence
        self._bad.append(Bad(item.record, item.topic, reason, detail, item.entity, sequence))

    async def _take_strangers(self, items: Sequence[Stranger]) -> None:
        if not items or self._foreign is None:
            return
        fresh = await unseen(self.unit, items)
        self.counts["seen"] += len(items) - len(fresh)
        readable: list[tuple[Stranger, Incoming]] = []
        for item in fresh:
            incoming = to_incoming(item, self.unit.real_now)
            if isinstance(incoming, Poison):
                self._condemn_stranger(item, incoming)
            else:
                readable.append((item, incoming))
        await self._settle_strangers(self._foreign, readable)

    async def _settle_strangers(
        self, foreign: ForeignLogic, readable: Sequence[tuple[Stranger, Incoming]]
    ) -> None:
        outcomes = await foreign.on_foreign(self.unit, [incoming for _, incoming in readable])
        waiting: list[tuple[Stranger, str]] = []
        for (item, _), outcome in zip(readable, outcomes, strict=True):
            if isinstance(outcome, Poison):
                await self._condemn_unless_erased(foreign, item, outcome)
            elif isinstance(outcome, Postpone):
                waiting.append((item, outcome.reason))
            else:
                self.counts["applied"] += 1
        await keep_waiting(self.unit, waiting)
        self.kept_waiting = {record_hash(item.record) for item, _ in waiting}
        self.counts["waiting"] += len(waiting)

    async def _condemn_unless_erased(
        self, foreign: ForeignLogic, item: Stranger, poison: Poison
    ) -> None:
        """A dead letter; but what is about somebody who was erased is not kept in one."""
        subject = foreign.subject_in(item.message.value)
        await self.unit.sealer.load([subject] if subject else [])
        if subject is not None and self.unit.sealer.is_erased(subject):
            self.counts["erased"] += 1
        else:
            self._condemn_stranger(item, poison)

    def _condemn_stranger(self, item: Stranger, poison: Poison) -> None:
        self._bad.append(Bad(item.record, item.topic, poison.reason, poison.detail))


def _verdict(entity: Entity, item: Sequenced) -> Verdict:
    event = item.event
    return judge(entity, item.topic, event.sequence, event.prevhash, item.hash, item.after)


def _without_values(error: BaseException) -> str:
    """What is wrong without quoting what was said: details may be personal."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return type(error).__name__
    found = errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['type']}" for e in found)[:500]
