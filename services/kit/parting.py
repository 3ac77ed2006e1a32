"""How the items of a batch are parted: in two to be taken at once, or by entity to find a bad one.

Pure. Owns which items must stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.kit.sorting import Beat, Sequenced, Sorted

_WORTH_PARTING = 200


def apart(items: Sequence[Sorted]) -> list[Sequence[Sorted]]:
    """A large batch as two, by partition, to be taken at once: an entity is in one of them only.

    While the database works for one, the other is decided. A heartbeat stays with the events of
    its partition, which it must not overtake; messages of others stay together, since each may
    concern several entities.
    """
    if len(items) < _WORTH_PARTING:
        return [items]
    parts: tuple[list[Sorted], list[Sorted]] = ([], [])
    for item in items:
        parts[_partition(item) % 2].append(item)
    return [part for part in parts if part]


def _partition(item: Sorted) -> int:
    if isinstance(item, Beat):
        return item.partition
    return item.record.partition if isinstance(item, Sequenced) else 0


def by_entity(items: Sequence[Sorted]) -> list[list[Sorted]]:
    """Items grouped so that those of one entity stay together and in order."""
    groups: dict[object, list[Sorted]] = {}
    for number, item in enumerate(items):
        key: object = item.entity if isinstance(item, Sequenced) else number
        groups.setdefault(key, []).append(item)
    return list(groups.values())
