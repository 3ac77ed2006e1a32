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


def applied(*hashes: bytes) -> Entity:
    """An entity that applied these one after another."""
    at = Position()
    for number, digest in enumerate(hashes, 1):
        at = at.then(number, digest)
    return Entity(uuid.UUID(int=1), inputs={"cases": at})


def test_another_event_under_a_number_long_applied_is_a_fork() -> None:
    """A restored writer counts again from where it was: its new events look like old ones."""
    case = applied(b"aaaa1", b"bbbb2", b"cccc3")
    assert judge(case, "cases", 2, b"aaaa1", b"bbbb2", {}) is Verdict.SEEN
    assert judge(case, "cases", 2, b"aaaa1", b"xxxx2", {}) is Verdict.FORK
    assert judge(case, "cases", 1, b"", b"xxxx1", {}) is Verdict.FORK
    assert judge(case, "cases", 3, b"bbbb2", b"cccc3", {}) is Verdict.SEEN


def test_what_is_no_longer_remembered_counts_as_seen() -> None:
    many = applied(*(b"%04d." % number for number in range(1, 301)))
    assert judge(many, "cases", 45, b"", b"0045.", {}) is Verdict.SEEN
    assert judge(many, "cases", 45, b"", b"other", {}) is Verdict.FORK
    assert judge(many, "cases", 44, b"", b"other", {}) is Verdict.SEEN
    assert len(many.inputs["cases"].trail) == 4 * 256
    before_the_trail = Entity(uuid.UUID(int=1), inputs={"cases": Position(7, b"last")})
    assert judge(before_the_trail, "cases", 3, b"", b"other", {}) is Verdict.SEEN
    assert not before_the_trail.inputs["cases"].then(8, b"next").differs(7, b"other")


def test_the_first_event_of_a_case_links_to_nothing() -> None:
    assert judge(entity(), "cases", 1, b"", b"a", {}) is Verdict.NEXT
    assert judge(entity(), "cases", 1, b"something", b"a", {}) is Verdict.FORK


def test_an_input_that_was_reached_holds_nothing_back() -> None:
    assert judge(entity(2, 1), "cases", 3, b"last", b"c", {"escalations": 1}) is Verdict.NEXT
