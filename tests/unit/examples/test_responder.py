"""The example responder against the contract: what it does and answers, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from deciding import Answer, Orders, UnreadableError, read
from hypothesis import given
from hypothesis import strategies as st
from ledger import Ledger
from responder import Options, Responder, read_options

from schemas.actions import (
    FOREIGN_ANSWERS,
    ActionAccepted,
    ActionCancelled,
    ActionDone,
    ActionEvent,
    ActionExpired,
    ActionRequested,
)
from schemas.control import StreamHeartbeat
from schemas.envelope import CONTENT_TYPE, Envelope, to_headers
from schemas.event import EventData
from schemas.vocabulary import ActionName, StopReason
from schemas.wire import Wire
from services.kit.strict_json import read_json

T0 = datetime(2026, 11, 20, 1, 58, tzinfo=UTC)
CASE = UUID("11111111-1111-5111-8111-111111111111")
SOON = T0 + timedelta(minutes=10)
LATER = T0 + timedelta(hours=24)


@dataclass(frozen=True)
class Record:
    """A record as aiokafka hands it over."""

    headers: list[tuple[str, bytes]]
    value: bytes | None
    topic: str = "recourse.actions"
    partition: int = 0
    offset: int = 0


def record(event: EventData, at: datetime = T0, sequence: int = 1) -> Record:
    """An event of Recourse as the broker carries it."""
    value, _ = event.halves()
    subject = CASE if isinstance(event, ActionEvent) else None
    made = Envelope(
        uuid5(CASE, f"{event.type_name()}{sequence}"), "escalation", event.type_name(), subject,
        sequence if subject else 0, "cases:1", at, b"", value,
    )  # fmt: skip
    return Record(to_headers(made), value)


def named(number: int = 1, action: ActionName = ActionName.FREEZE) -> dict[str, Any]:
    action_id = uuid5(CASE, f"action {number}")
    return {"action_id": action_id, "action": action, "idempotency_key": str(action_id)}


def requested(number: int = 1, action: ActionName = ActionName.FREEZE) -> ActionRequested:
    return ActionRequested(
        **named(number, action),
        parameters={"account": "cust-1001"},
        requested_at=T0,
        due_at=SOON,
        expires_at=LATER,
    )


def cancelled(number: int = 1, action: ActionName = ActionName.FREEZE) -> ActionCancelled:
    return ActionCancelled(**named(number, action), reason=StopReason.WITHDRAWN)


def expired(number: int = 1) -> ActionExpired:
    return ActionExpired(**named(number), expires_at=LATER)


@dataclass
class Backend:
    """The responder with a ledger in memory; its clock is that of the events."""

    orders: Orders = field(default_factory=Orders)
    ledger: Ledger = field(default_factory=lambda: Ledger(":memory:"))
    lines: list[str] = field(default_factory=list)

    def hears(self, *records: Record) -> list[Answer]:
        options = Options("", "", "", "core-banking", self.orders, "events")
        return Responder(self.ledger, options, self.lines.append).settle(records)

    def is_told(self, *events: EventData, at: datetime = T0) -> list[tuple[str, str | None]]:
        """The types of the answers, and the reason of a refusal."""
        told = self.hears(*(record(event, at) for event in events))
        return [(answer.type, json.loads(answer.value).get("reason")) for answer in told]

    def work(self) -> list[str]:
        """The keys of what was really done."""
        rows = self.ledger._connection.execute("SELECT idempotency_key FROM work ORDER BY number")
        return [row[0] for row in rows]


@pytest.fixture
def backend() -> Iterator[Backend]:
    made = Backend()
    yield made
    made.ledger.close()


ACCEPTED, DONE = ("action.accepted", None), ("action.done", None)


def refused(reason: str) -> tuple[str, str]:
    return "action.refused", reason


def test_what_is_asked_is_done_and_answered_in_the_words_of_the_contract(backend: Backend) -> None:
    request = requested()
    accepted, done = backend.hears(record(request))
    assert backend.work() == [request.idempotency_key]
    for answer, kind in ((accepted, ActionAccepted), (done, ActionDone)):
        assert answer.key == str(CASE).encode()
        foreign = Wire().decode_foreign(answer.headers, answer.value, read_json)
        assert foreign.source == "core-banking"
        headers = dict(answer.headers)
        assert headers["ce_subject"] == str(CASE).encode()
        assert headers["content-type"] == CONTENT_TYPE.encode()
        assert FOREIGN_ANSWERS[foreign.type] is kind
        parsed = kind.model_validate_json(foreign.value)
        assert (parsed.action_id, parsed.reference) == (request.action_id, "R-1")
    assert accepted.headers != done.headers


def test_the_same_request_again_is_answered_with_the_same_bytes_and_not_done_again(
    backend: Backend,
) -> None:
    first = backend.hears(record(requested()))
    again = backend.hears(record(requested(), at=LATER), record(requested(), at=LATER))
    assert again == first * 2
    assert len(backend.work()) == 1


def test_each_action_and_each_answer_has_an_id_of_its_own(backend: Backend) -> None:
    told = backend.hears(record(requested(1)), record(requested(2)))
    assert len({dict(answer.headers)["ce_id"] for answer in told}) == 4


def test_what_has_expired_is_never_done(backend: Backend) -> None:
    assert backend.is_told(requested(), at=LATER) == [refused("expired")]
    assert backend.is_told(requested(2), at=LATER - timedelta(seconds=1)) == [ACCEPTED, DONE]
    assert backend.is_told(expired(3)) == []
    assert backend.is_told(requested(3)) == [refused("expired")]
    assert len(backend.work()) == 1


def test_a_cancelled_action_is_not_done_and_one_that_was_done_stays_done(backend: Backend) -> None:
    assert backend.is_told(cancelled(1), requested(1)) == [refused("cancelled")] * 2
    assert backend.work() == []
    assert backend.is_told(requested(2), cancelled(2)) == [ACCEPTED, DONE] * 2
    # That it was done after all is news also where nobody counts on it any more.
    assert backend.is_told(expired(2)) == [ACCEPTED, DONE]
    assert len(backend.work()) == 1


def test_orders_refuse_keep_silent_and_only_accept() -> None:
    backend = Backend(
        Orders(
            refuse={"freeze": "account_unknown"},
            never=frozenset({"trace"}),
            accept_only=frozenset({"refund"}),
        )
    )
    assert backend.is_told(requested(1)) == [refused("account_unknown")]
    assert backend.is_told(cancelled(1)) == [refused("account_unknown")]
    trace, refund = requested(2, ActionName.TRACE), requested(3, ActionName.REFUND)
    assert backend.is_told(trace, cancelled(2, ActionName.TRACE)) == []
    assert backend.is_told(refund, refund) == [ACCEPTED] * 2
    assert backend.is_told(cancelled(3, ActionName.REFUND)) == [refused("cancelled")]
    assert backend.work() == []
    backend.ledger.close()


def test_what_does_not_concern_a_backend_is_passed_over(backend: Backend) -> None:
    later = record(requested())
    renamed = Record(
        [(n, b"recourse.action.requested.v2" if n == "ce_type" else v) for n, v in later.headers],
        later.value,
    )
    foreign = json.loads(later.value or b"")
    other = Record(later.headers, json.dumps({**foreign, "action": "dance"}).encode())
    assert backend.hears(record(StreamHeartbeat(t=T0)), renamed, other) == []
    assert backend.work() == []


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"action": "freeze"}', None])
def test_what_cannot_be_read_stops_nothing_and_is_not_repeated_in_the_log(
    backend: Backend, value: bytes | None
) -> None:
    bad = Record(record(requested()).headers, value)
    with pytest.raises(UnreadableError):
        read(bad.headers, bad.value)
    assert len(backend.hears(bad, record(requested(2)))) == 2
    assert backend.lines[0].startswith("unreadable: recourse.actions/0@0: ")
    assert "freeze" not in backend.lines[0]


def test_a_crash_before_the_ledger_is_written_leaves_nothing_done(backend: Backend) -> None:
    def crash(line: str) -> None:
        raise KeyboardInterrupt

    options = Options("", "", "", "core-banking", Orders(), "events")
    with pytest.raises(KeyboardInterrupt):
        Responder(backend.ledger, options, crash).settle([record(requested())])
    assert backend.work() == []
    assert backend.is_told(requested()) == [ACCEPTED, DONE]
    assert len(backend.work()) == 1


def test_the_command_line_says_how_to_behave() -> None:
    options, file = read_options(
        ["--kafka", "127.0.0.1:9092", "--refuse", "freeze=not_ours", "--refuse", "recall",
         "--never", "trace", "--accept-only", "refund", "--state", "x.db", "--group", "banking"]
    )  # fmt: skip
    assert options == Options(
        kafka="127.0.0.1:9092",
        prefix="recourse.",
        group="banking",
        name="example-responder",
        orders=Orders(
            refuse={"freeze": "not_ours", "recall": "refused"},
            never=frozenset({"trace"}),
            accept_only=frozenset({"refund"}),
        ),
        clock="system",
    )
    assert file == "x.db"


EVENTS = st.builds(
    lambda make, number: make(number),
    st.sampled_from([requested, cancelled, expired]),
    st.integers(1, 3),
)
HISTORY = st.lists(st.tuples(EVENTS, st.integers(0, 30)), max_size=30)


@given(HISTORY, st.sampled_from([Orders(), Orders(accept_only=frozenset({"freeze"}))]))
def test_whatever_comes_nothing_is_done_twice_late_or_against_a_word(
    history: list[tuple[ActionEvent, int]], orders: Orders
) -> None:
    backend, spoken = Backend(orders), dict[bytes, Answer]()
    withdrawn: set[str] = set()
    now = T0
    for event, hours in history:
        now += timedelta(hours=hours)
        before = backend.work()
        for answer in backend.hears(record(event, at=now)):
            assert spoken.setdefault(dict(answer.headers)["ce_id"], answer) == answer
        done = backend.work()
        assert done[: len(before)] == before
        if len(done) > len(before):
            assert isinstance(event, ActionRequested)
            assert event.idempotency_key not in withdrawn
            assert now < LATER
        if not isinstance(event, ActionRequested) and event.idempotency_key not in done:
            withdrawn.add(event.idempotency_key)
    assert len(set(backend.work())) == len(backend.work())
    kinds = [(json.loads(answer.value)["action_id"], answer.type) for answer in spoken.values()]
    both = {i for i, kind in kinds if kind == "action.done"} & {
        i for i, kind in kinds if kind == "action.refused"
    }
    assert not both
    backend.ledger.close()
