"""Parting a batch: what belongs together stays together and in order."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from schemas.envelope import Envelope
from services.kit.parting import apart, by_entity
from services.kit.sorting import Beat, Noise, Sequenced, Sorted
from services.kit.wire import StoredRecord

_AT = datetime(2026, 11, 20, tzinfo=UTC)


def event(entity: int, sequence: int, partition: int) -> Sequenced:
    id = UUID(int=entity)
    envelope = Envelope(UUID(int=sequence), "s", "t", id, sequence, "", _AT, b"", b"{}")
    record = StoredRecord("cases", partition, sequence, None, b"{}", [])
    return Sequenced(record, "cases", id, envelope, b"", {}, {}, None)


def test_a_small_batch_stays_whole() -> None:
    items = [event(case, 1, case % 12) for case in range(50)]
    assert apart(items) == [items]


def test_a_large_batch_is_parted_by_partition_with_its_heartbeats_last() -> None:
    items: list[Sorted] = [event(case, step, case % 12) for step in (1, 2) for case in range(200)]
    items += [Beat("cases", partition, _AT) for partition in range(12)]
    parts = apart(items)
    assert sorted(map(id, items)) == sorted(id(item) for part in parts for item in part)
    for part, odd in zip(parts, (0, 1), strict=True):
        assert part == [item for item in items if partition_of(item) % 2 == odd]


def partition_of(item: Sorted) -> int:
    if isinstance(item, Beat):
        return item.partition
    assert isinstance(item, Sequenced)
    return item.record.partition


def test_what_is_of_no_partition_goes_into_one_part() -> None:
    assert apart([Noise()] * 300) == [[Noise()] * 300]


def test_groups_by_entity_keep_the_order() -> None:
    one, other, again = event(1, 1, 0), event(2, 1, 0), event(1, 2, 0)
    assert by_entity([one, other, Noise(), again]) == [[one, again], [other], [Noise()]]
