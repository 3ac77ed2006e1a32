"""Whether timers fired: once, never early, and no later than the faults explain. Pure.

Owns the bound and what of a lateness a fault explains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tests.chaos.evidence import Evidence, Span, data_of, name_of, seconds

BOUND_S: Final = 5.0
"""Lateness that nothing explains, on a busy machine with the timers' poll of a second."""
RECOVERY_S: Final = 20.0
"""How long after a fault its effects may be felt: restart, rejoining the group, back-offs."""
_STAYS_DUE: Final = {"running"}
Place = tuple[Any, ...]


def timers_fire_once_and_in_time(evidence: Evidence) -> Iterator[str]:
    """Each clock that ran out was missed once, at or after its due instant, and in time."""
    missed: dict[Place, set[object]] = defaultdict(set)
    for one in evidence.seen:
        if name_of(one.event) != "clock.missed":
            continue
        data = data_of(one.event)
        place: Place = (one.event.subject, data["episode"], data["clock"], data["due_at"])
        if one.event.id in missed[place]:
            continue
        missed[place].add(one.event.id)
        yield from _judged(place, data, seconds(one.event.recordedat), evidence.spans)
    for place, ids in missed.items():
        if len(ids) > 1:
            yield f"clock {place} was missed {len(ids)} times"
    yield from _still_due(evidence)


def unexplained(due: float, fired: float, spans: Iterable[Span]) -> float:
    """Seconds of a lateness in which no fault was, nor the time after it."""
    left = fired - due
    covered = due
    for span in sorted(spans, key=lambda each: each.begin):
        begin, end = max(span.begin, covered), min(span.end + RECOVERY_S, fired)
        if end > begin:
            left -= end - begin
            covered = end
    return left


def _judged(place: Place, data: dict[str, Any], at: float, spans: Iterable[Span]) -> Iterator[str]:
    due = seconds(data["due_at"])
    if at < due:
        yield f"clock {place} was missed {due - at:.3f} s early"
    late = unexplained(due, at, spans)
    if late > BOUND_S:
        yield f"clock {place} was missed {at - due:.1f} s late, {late:.1f} s without a fault"


def _still_due(evidence: Evidence) -> Iterator[str]:
    for case_id, ladder in evidence.ladders.items():
        for clock in ladder.get("clocks", ()):
            due = clock.get("due_at")
            if clock.get("state") not in _STAYS_DUE or due is None:
                continue
            if unexplained(seconds(due), evidence.read_at, evidence.spans) > BOUND_S:
                yield f"case {case_id}: clock {clock['name']} was due at {due} and never fired"
