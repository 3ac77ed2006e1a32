"""When an attempt is made again, and when not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.notifier.core.retry import (
    LONGEST_WAIT,
    SCHEDULE,
    Fault,
    FaultKind,
    next_attempt,
)
from services.notifier.core.vocabulary import Reason
from tests.support.notifier_stories import T0


def test_the_waits_follow_the_schedule_and_end() -> None:
    fault = Fault(FaultKind.CONNECTION)
    for number, wait in enumerate(SCHEDULE, start=1):
        assert next_attempt(number, fault, T0, 0.0).at == T0 + wait
    end = next_attempt(len(SCHEDULE) + 1, fault, T0, 0.0)
    assert (end.at, end.reason) == (None, Reason.ATTEMPTS_EXHAUSTED)


def test_jitter_only_lengthens_and_by_a_fifth_at_most() -> None:
    fault = Fault(FaultKind.BUSY)
    at = next_attempt(1, fault, T0, 0.999).at
    assert at is not None
    assert SCHEDULE[0] < at - T0 <= SCHEDULE[0] * 1.2


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (timedelta(0), SCHEDULE[0]),
        (timedelta(seconds=90), timedelta(seconds=90)),
        (timedelta(days=400), LONGEST_WAIT),
    ],
)
def test_a_longer_retry_after_is_honoured_within_reason(asked: timedelta, wait: timedelta) -> None:
    assert next_attempt(1, Fault(FaultKind.BUSY, asked), T0, 0.0).at == T0 + wait


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (FaultKind.REFUSED, Reason.REFUSED_BY_RECIPIENT),
        (FaultKind.GONE, Reason.ENDPOINT_GONE),
        (FaultKind.FORBIDDEN_ADDRESS, Reason.FORBIDDEN_ADDRESS),
    ],
)
def test_what_cannot_be_mended_is_not_tried_again(kind: FaultKind, reason: Reason) -> None:
    step = next_attempt(1, Fault(kind), T0, 0.5)
    assert (step.at, step.reason) == (None, reason)
