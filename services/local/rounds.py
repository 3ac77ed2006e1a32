"""When a system of services is quiet, told from what each says of itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class QuietReport:
    """One service's answer: what is in flight, what it has counted, when it is next due."""

    busy: tuple[str, ...]
    counters: Mapping[str, int] = field(default_factory=dict)
    next_due: datetime | None = None


Round: TypeAlias = Mapping[str, QuietReport]


def quiet_report(body: Mapping[str, Any]) -> QuietReport:
    """The report in an answer of `/internal/quiet`; KeyError or ValueError when it is none."""
    due = body["next_due"]
    return QuietReport(
        busy=tuple(body["busy"]),
        counters=dict(body["counters"]),
        next_due=None if due is None else datetime.fromisoformat(due),
    )


def is_quiet(before: Round, now: Round) -> bool:
    """Nobody was busy in either of two successive rounds, and nothing was counted between.

    One empty round proves nothing: an event may pass from a service not yet asked to one that
    was already asked.
    """
    return not any(outstanding(before)) and not any(outstanding(now)) and not moved(before, now)


def moved(before: Round, now: Round) -> bool:
    """Whether any service counted something between two rounds."""
    return _counters(before) != _counters(now)


def outstanding(seen: Round) -> Iterator[str]:
    """What is in flight, each with its service's name."""
    for service, report in seen.items():
        for what in report.busy:
            yield f"{service}: {what}"


def _counters(seen: Round) -> dict[str, Mapping[str, int]]:
    return {service: report.counters for service, report in seen.items()}
