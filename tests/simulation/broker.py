"""The broker of a history: partitions in memory, groups with offsets, and a relay's way to it.

Owns what is kept, what is forgotten and how far each group has committed. Order is kept within a
partition only; who reads what, and when, is the world's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from services.kit.wire import StoredRecord
from tests.simulation.faults import BrokerAway, Crash, Misfortune

PARTITIONS = 2
Place = tuple[str, int]
Message = tuple[str, bytes | None, list[tuple[str, bytes]], bytes]


@dataclass
class Broker:
    """Topics without prefix. `heard` keeps all that was ever taken, also what was forgotten."""

    cluster: int = 1
    kept: dict[Place, list[StoredRecord]] = field(default_factory=dict)
    committed: dict[tuple[str, Place], int] = field(default_factory=dict)
    heard: list[StoredRecord] = field(default_factory=list)
    foreign: list[Message] = field(default_factory=list)

    @property
    def cluster_id(self) -> str:
        """Another one after each loss."""
        return f"cluster-{self.cluster}"

    def take(self, message: Message) -> StoredRecord:
        """Append a record; a key has always the same partition."""
        topic, key, _, _ = message
        return self.put(topic, crc32(key or b"") % PARTITIONS, message)

    def put(self, topic: str, partition: int, message: Message) -> StoredRecord:
        """Append a record to a partition."""
        _, key, headers, value = message
        log = self.kept.setdefault((topic, partition), [])
        record = StoredRecord(topic, partition, len(log), key, value, tuple(headers))
        log.append(record)
        self.heard.append(record)
        return record

    def say(self, message: Message) -> None:
        """Another backend sends something, and sends it again should the broker forget it."""
        self.foreign.append(message)
        self.take(message)

    def forget(self) -> None:
        """Come back as another cluster, with nothing; other backends send their own again."""
        self.cluster += 1
        self.kept.clear()
        self.committed.clear()
        for message in self.foreign:
            self.take(message)

    def lose_the_end(self, topic: str, number: int) -> None:
        """The last records of a topic are gone, as after an election among replicas behind.

        Who had read further is out of range, and begins with the earliest.
        """
        for place in self.places([topic]):
            kept = self.kept.get(place, [])
            del kept[max(0, len(kept) - number) :]
            for group, read in list(self.committed):
                if read == place and self.committed[group, read] > len(kept):
                    self.committed[group, read] = 0

    def places(self, topics: Iterable[str]) -> list[Place]:
        """The partitions of topics."""
        return [(topic, number) for topic in topics for number in range(PARTITIONS)]

    def end(self, place: Place) -> int:
        """The offset after the last record of a partition."""
        return len(self.kept.get(place, ()))

    def after(self, place: Place, offset: int) -> list[StoredRecord]:
        """What a partition holds from an offset on."""
        return self.kept.get(place, [])[offset:]


class Outlet:
    """One relay's producer; satisfies the kit's `Outlet`."""

    def __init__(self, broker: Broker, misfortune: Misfortune) -> None:
        self._broker = broker
        self._misfortune = misfortune
        self.offsets: dict[str, int] = {}
        self._back: set[str] = set()

    async def publish(self, messages: Sequence[Message]) -> Sequence[BaseException | None]:
        """In order; from a failure on nothing of that key is tried."""
        fault = self._misfortune.at("send")
        if fault is None:
            return self._take(messages)
        more = fault.more % len(messages)
        if fault.kind == "crash":
            self._take(messages[:more])
            raise Crash(str(fault))
        if fault.kind == "twice":
            self._take(messages)
            return self._take(messages)
        spoilt = {id(m) for m in messages[more:] if m[1] == messages[more][1]}
        error = BrokerAway(str(fault))
        self._take([m for m in messages if fault.kind == "unacked" or id(m) not in spoilt])
        return [error if id(m) in spoilt else None for m in messages]

    def _take(self, messages: Sequence[Message]) -> list[None]:
        for message in messages:
            self._note(self._broker.take(message))
        return [None] * len(messages)

    async def to_every_partition(
        self, topic: str, headers: list[tuple[str, bytes]], value: bytes
    ) -> None:
        for partition in range(PARTITIONS):
            self._note(self._broker.put(topic, partition, (topic, None, headers, value)))

    def _note(self, record: StoredRecord) -> None:
        """As the real one does it."""
        place = f"{record.topic}/{record.partition}"
        if record.offset <= self.offsets.get(place, -1):
            self._back.add(record.topic)
        self.offsets[place] = record.offset

    async def cluster_id(self) -> str:
        return self._broker.cluster_id

    async def rebuild(self) -> None:
        """There is no connection to lose."""

    def went_back(self) -> list[str]:
        found = sorted(self._back)
        self._back.clear()
        return found
