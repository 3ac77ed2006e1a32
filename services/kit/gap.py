"""The one gap rule: an event is applied only if it is the next one and its link fits.

Pure. Owns the verdict; never applies anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from services.kit.entities import Entity, Position


class Verdict(StrEnum):
    """What to do with an event of a stream."""

    NEXT = "next"
    SEEN = "seen"
    GAP = "gap"
    NOT_YET = "after_not_reached"
    FORK = "fork"


def judge(
    entity: Entity,
    topic: str,
    sequence: int,
    prevhash: bytes,
    digest: bytes,
    after: Mapping[str, int],
) -> Verdict:
    """The verdict on one event, from the positions of its entity alone.

    Lower than the last, or the last again: seen; with another hash, or a next one whose `prevhash`
    does not fit: a fork (a restored backup). Higher: a gap. Next, but the producer had applied an
    input that we have not: not yet.
    """
    last = entity.inputs.get(topic, Position())
    if sequence < last.sequence:
        return Verdict.FORK if last.differs(sequence, digest) else Verdict.SEEN
    if sequence == last.sequence:
        return Verdict.SEEN if digest == last.hash else Verdict.FORK
    if sequence > last.sequence + 1:
        return Verdict.GAP
    if prevhash != last.hash:
        return Verdict.FORK
    return Verdict.NEXT if _reached(entity, after) else Verdict.NOT_YET


def _reached(entity: Entity, after: Mapping[str, int]) -> bool:
    """Only inputs that this reader reads can hold an event back."""
    return all(
        entity.inputs[topic].sequence >= wanted
        for topic, wanted in after.items()
        if topic in entity.inputs
    )
