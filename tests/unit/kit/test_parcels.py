"""Packing messages for a broker: by key as Kafka does, in order, a full batch begets the next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from services.kit.parcels import MAX_BYTES, Message, Packer, is_too_large, partition_of

_TWELVE = range(12)


@dataclass
class Batch:
    """As aiokafka's: takes a few bytes, and any first message."""

    room: int = 100
    values: list[bytes] = field(default_factory=list)

    def append(self, *, value: bytes, **_: Any) -> object | None:
        if self.values and len(value) > self.room:
            return None
        self.room -= len(value)
        self.values.append(value)
        return object()


def packed(messages: list[Message], *, singly: bool = False) -> Packer:
    packer = Packer(Batch, {"cases": _TWELVE}, singly=singly)
    for place, message in enumerate(messages):
        packer.pack(place, message)
    return packer


@given(st.binary(min_size=1))
def test_a_key_goes_where_any_client_of_kafka_sends_it(key: bytes) -> None:
    everywhere = list(_TWELVE)
    wanted = DefaultPartitioner()(key, everywhere, everywhere)
    assert partition_of(key, b"", everywhere) == wanted


@pytest.mark.parametrize("singly", [False, True])
@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.binary(max_size=90))))
def test_each_partition_has_its_messages_in_order(
    singly: bool, sent: list[tuple[bytes, bytes]]
) -> None:
    messages: list[Message] = [("cases", key, [], value) for key, value in sent]
    parcels = packed(messages, singly=singly).parcels()
    assert sorted(place for parcel in parcels for place in parcel.held) == [*range(len(sent))]
    by_partition: dict[int, list[int]] = defaultdict(list)
    for parcel in parcels:
        by_partition[parcel.partition] += parcel.held
        assert parcel.batch.values == [sent[place][1] for place in parcel.held]
        assert len(parcel.held) == 1 or not singly
    for places in by_partition.values():
        assert places == sorted(places)


def test_the_second_batch_of_a_partition_waits_behind_the_first_of_all() -> None:
    big = b"x" * 80
    parcels = packed([("cases", key, [], big) for key in (b"a", b"a", b"b")]).parcels()
    assert [parcel.held for parcel in parcels] == [[0], [2], [1]]


def test_what_is_too_large_counts_key_and_headers() -> None:
    value = b"x" * (MAX_BYTES - 10)
    assert not is_too_large(("t", b"12345", [("ab", b"cd")], value))
    assert is_too_large(("t", b"12345", [("ab", b"cdef")], value))
