"""When a failed attempt is made again, and when it is given up. Decides only; waits for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.notifier.core.vocabulary import Reason


class FaultKind(StrEnum):
    """What went wrong on the way out."""

    CONNECTION = "connection"
    BUSY = "busy"
    ERROR_ANSWER = "error_answer"
    REFUSED = "refused"
    GONE = "gone"
    FORBIDDEN_ADDRESS = "forbidden_address"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed attempt. `retry_after` is what the other side asked for, if it did."""

    kind: FaultKind
    retry_after: timedelta | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """When it is tried again (real time); `at` None: given up. `reason` says why either way."""

    at: datetime | None
    reason: Reason


SCHEDULE: Final = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""The wait after attempt 1, 2, 3...; as Standard Webhooks recommends, a little over a day."""

JITTER_SHARE: Final = 0.2
LONGEST_WAIT: Final = timedelta(hours=24)
"""What a `Retry-After` may ask for at most, so that no recipient can park a message for ever."""

_REASONS: Final = {
    FaultKind.CONNECTION: Reason.CONNECTION_FAILED,
    FaultKind.BUSY: Reason.BUSY,
    FaultKind.ERROR_ANSWER: Reason.ANSWERED_WITH_ERROR,
    FaultKind.REFUSED: Reason.REFUSED_BY_RECIPIENT,
    FaultKind.GONE: Reason.ENDPOINT_GONE,
    FaultKind.FORBIDDEN_ADDRESS: Reason.FORBIDDEN_ADDRESS,
    FaultKind.INTERNAL: Reason.INTERNAL_FAULT,
}
_PERMANENT: Final = frozenset({FaultKind.REFUSED, FaultKind.GONE, FaultKind.FORBIDDEN_ADDRESS})


def next_attempt(attempt: int, fault: Fault, now: datetime, jitter: float) -> NextAttempt:
    """What follows the failed attempt number `attempt` (from 1).

    `jitter` in [0, 1) lengthens the wait by up to a fifth, so that what failed together does not
    come back together. A `Retry-After` longer than the schedule is honoured.
    """
    if fault.kind in _PERMANENT:
        return NextAttempt(None, _REASONS[fault.kind])
    if attempt > len(SCHEDULE):
        return NextAttempt(None, Reason.ATTEMPTS_EXHAUSTED)
    wait = SCHEDULE[attempt - 1] * (1 + JITTER_SHARE * jitter)
    asked = min(fault.retry_after or timedelta(0), LONGEST_WAIT)
    return NextAttempt(now + max(wait, asked), _REASONS[fault.kind])
