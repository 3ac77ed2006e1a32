"""Messages packed by partition: one batch for each, so that a thousand messages are a dozen sends.

Owns which partition a key goes to (as Kafka's own clients have it) and the order inside it.
aiokafka sends message by message at several times the price; FastStream's batches ignore the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

from aiokafka.partitioner import murmur2

Message = tuple[str, bytes | None, list[tuple[str, bytes]], bytes]
MAX_BYTES: Final = 1_000_000
"""Of one message: a broker takes a little more, unless it is told otherwise."""
_KEYS: Final = 65_536


@dataclass(slots=True)
class Parcel:
    """What goes to one partition at once; `held` says which messages, by their place."""

    topic: str
    partition: int
    turn: int
    batch: Any
    held: list[int] = field(default_factory=list)


class Packer:
    """Packs the messages of one `publish`. `singly`: each alone, to find one that is refused."""

    def __init__(
        self,
        new_batch: Callable[[], Any],
        partitions: Mapping[str, Sequence[int]],
        *,
        singly: bool = False,
    ) -> None:
        self._new_batch = new_batch
        self._partitions = partitions
        self._singly = singly
        self._last: dict[tuple[str, int], Parcel] = {}
        self._parcels: list[Parcel] = []

    def pack(self, place: int, message: Message) -> None:
        """Put a message behind all that went to its partition before."""
        topic, key, headers, value = message
        partition = partition_of(key, value, self._partitions[topic])
        parcel = self._last.get((topic, partition))
        if parcel is None or self._singly:
            parcel = self._another(topic, partition, parcel)
        if not _appended(parcel, key, headers, value):
            parcel = self._another(topic, partition, parcel)
            _appended(parcel, key, headers, value)
        parcel.held.append(place)

    def parcels(self) -> list[Parcel]:
        """All, the first of every partition first: a partition's next waits for the one before."""
        return sorted(self._parcels, key=lambda parcel: parcel.turn)

    def _another(self, topic: str, partition: int, before: Parcel | None) -> Parcel:
        turn = 0 if before is None else before.turn + 1
        parcel = Parcel(topic, partition, turn, self._new_batch())
        self._last[topic, partition] = parcel
        self._parcels.append(parcel)
        return parcel


def _appended(
    parcel: Parcel, key: bytes | None, headers: list[tuple[str, bytes]], value: bytes
) -> bool:
    """False where the batch is full; an empty one takes any message."""
    taken = parcel.batch.append(timestamp=None, key=key, value=value, headers=headers)
    return taken is not None


def partition_of(key: bytes | None, value: bytes, partitions: Sequence[int]) -> int:
    """Where a message goes: by its key, or anywhere if it has none."""
    number = crc32(value) if key is None else _hash(key)
    return partitions[number % len(partitions)]


def is_too_large(message: Message) -> bool:
    """Whether no broker would take it."""
    _, key, headers, value = message
    names = sum(len(name) + len(raw) for name, raw in headers)
    return len(value) + len(key or b"") + names > MAX_BYTES


@lru_cache(maxsize=_KEYS)
def _hash(key: bytes) -> int:
    """A case's events share its key, and the hash is plain Python."""
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed
