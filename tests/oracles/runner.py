"""Runs vectors and counts what came of them.

Owns: which kinds have no counterpart in the product, and why; the verdict on each vector.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from tests.oracles import calendar_kinds, clock_kinds, sequence
from tests.oracles.vector import NoCounterpartError, Vector, agrees, plain

KINDS: Final = {
    **calendar_kinds.KINDS,
    **clock_kinds.KINDS,
    "escalation_sequence": sequence.escalation_sequence,
}

NO_COUNTERPART: Final = {
    "time_interval_match": "calendars are weekly, not by month, year or day of the month",
    "repeat_suppression": "a rung is told once per visit: nothing repeats, so nothing is held off",
    "pause_to_daily_breaks": "pauses are spans in a ledger, never turned into breaks",
    "consume_periods": "budgets are bisected in a table of totals, no list of periods is consumed",
    "clip_periods": "periods are asked for by instant, no list of periods is clipped",
}


class Verdict(StrEnum):
    """What came of a vector."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Result(NamedTuple):
    """The verdict on one vector, with the reason of a skip or what was got instead."""

    vector: Vector
    verdict: Verdict
    detail: str = ""


def run(vectors: Iterable[Vector]) -> list[Result]:
    """The verdict on every vector, in order."""
    return [_judge(vector) for vector in vectors]


def _judge(vector: Vector) -> Result:
    reason = _reason_to_skip(vector)
    if reason:
        return Result(vector, Verdict.SKIPPED, reason)
    try:
        got = plain(KINDS[vector.kind](vector))
    except NoCounterpartError as error:
        return Result(vector, Verdict.SKIPPED, str(error))
    except Exception as error:  # one broken vector must not hide the others
        return Result(vector, Verdict.FAILED, f"{type(error).__name__}: {error}")
    verdict = Verdict.PASSED if agrees(vector.expected, got) else Verdict.FAILED
    return Result(vector, verdict, str(got))


def _reason_to_skip(vector: Vector) -> str:
    if vector.kind in NO_COUNTERPART:
        return NO_COUNTERPART[vector.kind]
    if vector.kind not in KINDS:
        return "kind unknown to the product"
    return f"other convention: {vector.quirk_reason}" if vector.quirk else ""
