"""The gap rule, verdict by verdict."""

from __future__ import annotations

import uuid

import pytest

from services.kit.entities import Entity, Position
from services.kit.gap import Verdict, judge


def entity(cases: int = 0, escalations: int = 0) -> Entity:
    return Entity(
        uuid.UUID(int=1),
        inputs={
            "cases": Position(cases, b"last" if cases else b""),
            "escalations": Position(escalations, b"x" if escalations else b""),
        },
    )


@pytest.mark.parametrize(
    ("sequence", "prevhash", "digest", "after", "verdict"),
    [
        (1, b"", b"a", {}, Verdict.SEEN),
        (2, b"?", b"last", {}, Verdict.SEEN),
        (2, b"?", b"other", {}, Verdict.FORK),
        (3, b"last", b"c", {}, Verdict.NEXT),
        (3, b"restored", b"c", {}, Verdict.FORK),
        (4, b"c", b"d", {}, Verdict.GAP),
        (3, b"last", b"c", {"escalations": 1}, Verdict.NOT_YET),
        (3, b"last", b"c", {"actions-answered": 9}, Verdict.NEXT),
    ],
)
def test_verdicts(
    sequence: int, prevhash: bytes, digest: bytes, after: dict[str, int], verdict: Verdict
) -> None:
    assert judge(entity(cases=2), "cases", sequence, prevhash, digest, after) is verdict


def test_the_first_event_of_a_case_links_to_nothing() -> None:
    assert judge(entity(), "cases", 1, b"", b"a", {}) is Verdict.NEXT
    assert judge(entity(), "cases", 1, b"something", b"a", {}) is Verdict.FORK


def test_an_input_that_was_reached_holds_nothing_back() -> None:
    assert judge(entity(2, 1), "cases", 3, b"last", b"c", {"escalations": 1}) is Verdict.NEXT
