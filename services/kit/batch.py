"""One batch inside its transaction: sort, lock, apply in order, drain what was parked, write.

Owns the steps and their order. Every effect is in the unit's transaction; counters are told only
after the commit.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import structlog

from services.kit import telemetry
from services.kit.entities import Decided, Entity, Incoming, Logic, Position
from services.kit.faults import Poison, Postpone
from services.kit.foreign import ForeignLogic, keep_waiting, to_incoming, unseen
from services.kit.gap import Verdict, judge
from services.kit.sealing import UnsealError
from services.kit.sorting import Bad, Beat, Control, Reader, Sealed, Sequenced, Sorted, Stranger
from services.kit.unit import QUERIES, Streams, Unit
from services.kit.wire import Resend, pack, record_hash, unpack

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


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
        self.streams = streams
        self.reader = reader
        self.logic = logic
        self.foreign = foreign
        self.decided: list[Decided] = []
        self.bad: list[Bad] = []
        self.counts: Counter[str] = Counter()
        self.kept_waiting: set[bytes] = set()
        self._parked: dict[UUID, dict[tuple[str, int, bytes], Sequenced]] = defaultdict(dict)
        self._to_park: list[tuple[Sequenced, str]] = []
        self._to_unpark: list[tuple[UUID, str, int, bytes]] = []

    async def take(self, items: Sequence[Sorted]) -> None:
        """All steps, in order."""
        self.bad += _only(items, Bad)
        await self._take_sequenced(_only(items, Sequenced))
        await self._take_strangers(_only(items, Stranger))
        await self._take_control(_only(items, Control))
        if self.logic and self.decided:
            await self.logic.write(self.unit, self.decided)
        await self._write_parking()
        await self._bury()
        await self._note_progress(_only(items, Beat))

    def count(self) -> None:
        """Tell the metrics, after the commit."""
        for what, number in self.counts.items():
            telemetry.CONSUMED.labels(outcome=what).inc(number)

    async def _take_sequenced(self, items: Sequence[Sequenced]) -> None:
        if not items:
            return
        entities = await self.unit.lock((item.entity for item in items), create=True)
        await self._load_parked(entities.values())
        waiting = [item for kept in self._parked.values() for item in kept.values()]
        await self.unit.sealer.load(
            item.sealed.subject for item in [*items, *waiting] if item.sealed
        )
        for item in items:
            entity = entities[item.entity]
            if self._offer(entity, item):
                self._drain(entity)

    async def _load_parked(self, entities: Iterable[Entity]) -> None:
        ids = [entity.id for entity in entities if entity.parked]
        for row in await self.unit.conn.fetch(QUERIES["parked_of"], ids) if ids else ():
            record = unpack(self.reader.prefix + row["topic"], row["part"], -1, row["raw"])
            item = self.reader.sort(record)
            if isinstance(item, Sequenced):
                self._parked[row["entity"]][row["topic"], row["seq"], row["hash"]] = item

    def _offer(self, entity: Entity, item: Sequenced) -> bool:
        """Apply an item if it is its turn; True if it was applied."""
        verdict = judge(
            entity, item.topic, item.event.sequence, item.event.prevhash, item.hash, item.after
        )
        if verdict is Verdict.NEXT:
            return self._apply(entity, item)
        self.counts[verdict.value] += 1
        if verdict is not Verdict.SEEN:
            self._park(entity, item, verdict.value)
        return False

    def _apply(self, entity: Entity, item: Sequenced) -> bool:
        try:
            if self.logic and self.reader.codec.known_type(item.event.type):
                self._decide(self.logic, entity, item)
        except Postpone as reason:
            self._park(entity, item, reason.reason)
            return False
        except Poison as poison:
            self._condemn(item, poison.reason, poison.detail)
            return False
        except (ValueError, UnsealError) as error:
            self._condemn(item, "invalid_value", _without_values(error))
            return False
        except Exception as error:  # a decision that raises stops one case, not the partition
            _log.exception("decision_failed", type=item.event.type, entity=str(entity.id))
            self._condemn(item, "decision_failed", type(error).__name__)
            return False
        entity.inputs[item.topic] = Position(item.event.sequence, item.hash)
        self.unit.touch(entity)
        self.counts["applied"] += 1
        return True

    def _decide(self, logic: Logic, entity: Entity, item: Sequenced) -> None:
        data = self._data(item)
        self.reader.codec.check(item.event.type, data)
        before = entity.inputs[item.topic]
        if item.topic == self.streams.inputs[0] or entity.partition is None:
            entity.partition = item.record.partition
        decision = logic.on_event(entity, self._incoming(item, data), self.unit.now_for(entity))
        # The position counts as applied for the events that this decision emits (`after`).
        entity.inputs[item.topic] = Position(item.event.sequence, item.hash)
        try:
            self.decided.append(self.unit.apply(entity, decision, item.event.id))
        except BaseException:
            entity.inputs[item.topic] = before
            raise

    def _incoming(self, item: Sequenced, data: dict[str, Any]) -> Incoming:
        return Incoming(
            topic=item.topic,
            partition=item.record.partition,
            id=item.event.id,
            source=item.event.source,
            type=item.event.type,
            sequence=item.event.sequence,
            recordedat=item.event.recordedat,
            data=data,
            real_now=self.unit.real_now,
        )

    def _data(self, item: Sequenced) -> dict[str, Any]:
        if item.sealed is None:
            return item.public
        private = self._open(item.sealed, item.event.id)
        return {**item.public, **private}

    def _open(self, sealed: Sealed, event_id: UUID) -> dict[str, Any]:
        plaintext = self.unit.sealer.open(sealed.subject, sealed.blob, event_id.bytes)
        return {} if plaintext is None else json.loads(plaintext)

    def _drain(self, entity: Entity) -> None:
        """Apply what waited, as long as something's turn comes."""
        waiting = self._parked.get(entity.id, {})
        progress = True
        while progress and waiting:
            progress = False
            for key, item in sorted(waiting.items(), key=lambda pair: pair[0]):
                verdict = judge(
                    entity, item.topic, item.event.sequence, item.event.prevhash, item.hash,
                    item.after,
                )  # fmt: skip
                if verdict is Verdict.SEEN or (
                    verdict is Verdict.NEXT and self._apply(entity, item)
                ):
                    self._unpark(entity, key, waiting)
                    progress = True

    def _park(self, entity: Entity, item: Sequenced, reason: str) -> None:
        key = (item.topic, item.event.sequence, item.hash)
        if key in self._parked[entity.id]:
            return
        if reason == Verdict.FORK:
            telemetry.FORKS.inc()
            _log.error("fork", entity=str(entity.id), topic=item.topic, seq=item.event.sequence)
        self._parked[entity.id][key] = item
        self._to_park.append((item, reason))
        entity.parked += 1
        self.unit.touch(entity)

    def _unpark(
        self,
        entity: Entity,
        key: tuple[str, int, bytes],
        waiting: dict[tuple[str, int, bytes], Sequenced],
    ) -> None:
        del waiting[key]
        self._to_unpark.append((entity.id, *key))
        entity.parked -= 1
        self.unit.touch(entity)

    def _condemn(self, item: Sequenced, reason: str, detail: str) -> None:
        self.bad.append(
            Bad(item.record, item.topic, reason, detail, item.entity, item.event.sequence)
        )

    async def _take_strangers(self, items: Sequence[Stranger]) -> None:
        if not items or self.foreign is None:
            return
        fresh = await unseen(self.unit, items)
        self.counts["seen"] += len(items) - len(fresh)
        readable: list[tuple[Stranger, Incoming]] = []
        for item in fresh:
            incoming = to_incoming(item, self.unit.real_now)
            if isinstance(incoming, Poison):
                self.bad.append(Bad(item.record, item.topic, incoming.reason, incoming.detail))
            else:
                readable.append((item, incoming))
        outcomes = await self.foreign.on_foreign(self.unit, [pair[1] for pair in readable])
        waiting: list[tuple[Stranger, str]] = []
        for (item, _), outcome in zip(readable, outcomes, strict=True):
            if isinstance(outcome, Poison):
                self.bad.append(Bad(item.record, item.topic, outcome.reason, outcome.detail))
            elif isinstance(outcome, Postpone):
                waiting.append((item, outcome.reason))
            else:
                self.counts["applied"] += 1
        await keep_waiting(self.unit, waiting)
        self.kept_waiting = {record_hash(item.record) for item, _ in waiting}
        self.counts["waiting"] += len(waiting)

    async def _take_control(self, items: Sequence[Control]) -> None:
        for item in items:
            what = item.what
            if what.topic not in self.streams.outputs:
                continue
            if isinstance(what, Resend):
                await self.unit.conn.execute(
                    QUERIES["resend"], what.entity, what.topic, what.first, what.last
                )
                await self.unit.conn.execute(QUERIES["notify"], "unpublished")
                self.counts["resent"] += 1
            else:
                await self.unit.conn.execute(QUERIES["confirm"], what.consumer, what.topic, what.t)

    async def _write_parking(self) -> None:
        gone = set(self._to_unpark)
        rows = [
            (item.entity, item.topic, item.event.sequence, item.hash, reason,
             item.record.partition, pack(item.record))
            for item, reason in self._to_park
            if (item.entity, item.topic, item.event.sequence, item.hash) not in gone
        ]  # fmt: skip
        if rows:
            await self.unit.conn.execute(QUERIES["park"], *_columns(rows))
        if self._to_unpark:
            await self.unit.conn.execute(QUERIES["unpark"], *_columns(self._to_unpark))

    async def _bury(self) -> None:
        if self.bad:
            new = await bury(self.unit, self.streams.source, self.reader, self.bad)
            self.counts["dead_letter"] += new

    async def _note_progress(self, beats: Sequence[Beat]) -> None:
        latest: dict[tuple[str, int], Any] = {}
        for beat in beats:
            key = (beat.topic, beat.partition)
            latest[key] = max(latest.get(key, beat.t), beat.t)
        if latest:
            rows = [(*key, t) for key, t in sorted(latest.items())]
            await self.unit.conn.execute(QUERIES["progress"], *_columns(rows))
            parts = (
                [part for topic, part in latest if topic == self.streams.inputs[0]]
                if (self.streams.inputs)
                else []
            )
            if parts:
                await self.unit.conn.execute(QUERIES["unhold_spoken"], parts)


async def bury(unit: Unit, source: str, reader: Reader, bad: Sequence[Bad]) -> int:
    """Write dead letters (bytes sealed) and announce the new ones; answers how many are new."""
    by_hash = {record_hash(item.record): item for item in bad}
    rows = [
        (digest, item.entity, item.topic, item.record.partition, item.record.offset,
         item.sequence, item.reason, item.detail,
         unit.sealer.seal_raw(pack(item.record), digest))
        for digest, item in sorted(by_hash.items())
    ]  # fmt: skip
    new = await unit.conn.fetch(QUERIES["bury"], *_columns(rows))
    for row in new:
        item = by_hash[row["hash"]]
        _log.error("dead_letter", topic=item.topic, reason=item.reason, hash=row["hash"].hex())
        telemetry.DEAD_LETTERS.labels(reason=item.reason).inc()
        announcement = reader.codec.dead_lettered(
            row["hash"].hex(), item.reason, item.topic, item.record.partition, item.record.offset,
            item.entity,
        )  # fmt: skip
        unit.emit_loose(f"{source}.dead-letters", announcement, UUID(bytes=row["hash"][:16]))
    return len(new)


def _without_values(error: BaseException) -> str:
    """What is wrong without quoting what was said: details may be personal."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return type(error).__name__
    found = errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['type']}" for e in found)[:500]


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _only(items: Sequence[Sorted], kind: type[_T]) -> list[_T]:
    return [item for item in items if isinstance(item, kind)]
