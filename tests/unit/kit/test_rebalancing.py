"""Where reading begins: where the broker says, unless the database was set back."""

from __future__ import annotations

from aiokafka import TopicPartition

from services.kit.rebalancing import to_rewind

CASES = TopicPartition("recourse.cases", 3)
PLACE = ("recourse.cases", 3)


def test_a_database_that_was_set_back_reads_again_what_it_lost() -> None:
    assert list(to_rewind({PLACE: 40}, {CASES: 100})) == [(CASES, 40)]


def test_a_database_that_knows_nothing_reads_all() -> None:
    assert list(to_rewind({}, {CASES: 100})) == [(CASES, 0)]


def test_the_broker_is_believed_where_the_database_knows_as_much() -> None:
    assert list(to_rewind({PLACE: 100}, {CASES: 100})) == []
    assert list(to_rewind({PLACE: 101}, {CASES: 100})) == []
    assert list(to_rewind({PLACE: 40}, {CASES: None})) == []
    assert list(to_rewind({}, {CASES: None})) == []
