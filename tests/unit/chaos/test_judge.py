"""The judge of chaos: a right history has no violation, and each rule finds its wrong one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from msgspec import structs

from schemas.envelope import Envelope
from tests.chaos.evidence import Ack, Evidence, Seen, Span
from tests.chaos.judge import RULES, judge
from tests.chaos.lateness import unexplained

CASE = UUID(int=7)
ID = str(CASE)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
C = {"external_id": "again-1"}
KEY = "11111111-0000-0000-0000-000000000000"
LADDER = {"episode": 1, "rung": "frontline", "path": "phone", "visit": 1, "owner_group": "f"}
MISSED = {**LADDER, "clock": "first_response", "due_at": NOON.isoformat()}


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stream(topic: str, *told: tuple[str, dict[str, Any], float]) -> list[Seen]:
    """A well-formed chain of events on a topic, each so many seconds after noon."""
    found: list[Seen] = []
    before = b""
    for number, (name, data, seconds) in enumerate(told, 1):
        event = Envelope(
            id=uuid5(CASE, f"{topic}:{number}"),
            source="test",
            type=f"recourse.{name}.v1",
            subject=CASE,
            sequence=number,
            after="",
            recordedat=after(seconds),
            prevhash=before,
            value=json.dumps(data).encode(),
        )
        before = event.digest()
        found.append(Seen(topic, 0, number, event))
    return found


def right() -> Evidence:
    """A history without fault: reported, answered, called again, missed, told, drained."""
    cases = stream(
        "cases",
        ("case.opened", {"status": "open"}, -60),
        ("contact.added", {"status": "open"}, -30),
        ("case.resolved", {"status": "resolved"}, 10),
    )
    ladder = stream(
        "escalations",
        ("ladder.started", LADDER, -59),
        ("clock.missed", MISSED, 0.5),
        ("rung.entered", {**LADDER, "rung": "senior"}, 0.5),
    )
    delivery = {
        "key": KEY,
        "event_id": str(ladder[2].event.id),
        "recipient": "r",
        "channel": "email",
        "template": "rung_entered",
        "status": "sent",
    }
    return Evidence(
        acks=[
            Ack("report", "http", "call-1", ID, "cases:1", "a"),
            Ack("contact", "http", "again-1", ID, "cases:2", "b"),
            Ack("resolve", "http", "c", ID, "cases:3", "c"),
        ],
        seen=[*cases, *ladder],
        mails=[{"headers": {"Message-ID": f"<{KEY}@wallet.example>"}}],
        by_report={"call-1": [ID]},
        cases={ID: {"position": "cases:3", "contacts": [{"external_id": "again-1"}]}},
        ladders={ID: {"position": "escalations:3", "clocks": []}},
        deliveries={ID: [delivery]},
        read_at=after(60).timestamp(),
    )


def changed(number: int, **changes: Any) -> Callable[[Evidence], None]:
    """Another event in place of one, with these fields."""

    def change(evidence: Evidence) -> None:
        one = evidence.seen[number]
        evidence.seen[number] = replace(one, event=structs.replace(one.event, **changes))

    return change


def once_more(number: int, **changes: Any) -> Callable[[Evidence], None]:
    """The same event once more, by another decision: a new number at the end of the chain."""

    def change(evidence: Evidence) -> None:
        one = evidence.seen[number]
        chain = [o for o in evidence.seen if o.topic == one.topic]
        event = structs.replace(
            one.event,
            id=UUID(int=99),
            sequence=len(chain) + 1,
            prevhash=chain[-1].event.digest(),
            recordedat=chain[-1].event.recordedat,
            **changes,
        )
        evidence.seen.append(replace(one, event=event, offset=99))
        document = evidence.cases if one.topic == "cases" else evidence.ladders
        document[ID] = {**document[ID], "position": f"{one.topic}:{event.sequence}"}

    return change


def delivery(**changes: Any) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.deliveries[ID] = [{**evidence.deliveries[ID][0], **changes}]

    return change


def twice_planned(evidence: Evidence) -> None:
    evidence.deliveries[ID].append({**evidence.deliveries[ID][0], "key": "other"})
    evidence.hooks.append({"id": "other"})


def running(due: datetime) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        clock = {"name": "update", "state": "running", "due_at": due.isoformat()}
        evidence.ladders[ID] = {**evidence.ladders[ID], "clocks": [clock]}

    return change


def without(number: int) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        del evidence.seen[number]

    return change


def moved(number: int) -> Callable[[Evidence], None]:
    def change(evidence: Evidence) -> None:
        evidence.seen[number] = replace(evidence.seen[number], partition=3)

    return change


def swapped(evidence: Evidence) -> None:
    evidence.seen[1], evidence.seen[2] = evidence.seen[2], evidence.seen[1]


OPEN = b'{"status": "open"}'
CLOSED = b'{"status": "closed"}'
WRONG: list[tuple[str, str, Callable[[Evidence], None]]] = [
    ("no_report_lost", "no case", lambda e: e.by_report.update({"call-1": []})),
    ("no_report_lost", "two cases", lambda e: e.by_report.update({"call-1": [ID, "other"]})),
    ("no_report_lost", "never on the topic", lambda e: e.seen.clear()),
    ("no_report_lost", "opened twice", once_more(0)),
    ("no_answer_taken_back", "gone", without(2)),
    (
        "no_answer_taken_back",
        "two at one position",
        lambda e: e.acks.append(Ack("reply", "http", "d", ID, "cases:3", "d")),
    ),
    ("each_contact_once", "lost", lambda e: e.cases[ID]["contacts"].clear()),
    ("each_contact_once", "doubled", lambda e: e.cases[ID].update(contacts=[C, C])),
    ("a_rung_once", "by two events", once_more(5)),
    ("timers", "early", changed(4, recordedat=after(-0.2))),
    ("timers", "late", changed(4, recordedat=after(30))),
    ("timers", "twice", once_more(4)),
    ("timers", "never", running(after(20))),
    ("notifications_end", "planned", delivery(status="planned")),
    ("notifications_end", "sending", delivery(status="sending")),
    ("duplicates_have_one_key", "planned twice", twice_planned),
    ("duplicates_have_one_key", "of no delivery", lambda e: e.hooks.append({"id": "stray"})),
    ("duplicates_have_one_key", "never arrived", lambda e: e.mails.clear()),
    ("order_without_gaps", "a hole", without(1)),
    ("order_without_gaps", "swapped", swapped),
    ("order_without_gaps", "on two partitions", moved(1)),
    ("chains_unbroken", "another event", lambda e: e.seen.append(other_at(e, 1))),
    ("chains_unbroken", "a wrong link", changed(2, prevhash=b"x")),
    ("chains_unbroken", "a link before the first", changed(0, prevhash=b"x")),
    ("time_never_goes_back", "recorded before", changed(2, recordedat=after(-90))),
    ("only_legal_transitions", "opened closed", changed(0, value=CLOSED)),
    ("only_legal_transitions", "not resolved", changed(2, value=OPEN)),
    ("only_legal_transitions", "unknown event", changed(1, type="recourse.case.eaten.v1")),
    ("drained", "in flight", lambda e: e.outstanding.append("intake: unpublished: 3")),
    ("drained", "behind", lambda e: e.ladders[ID].update(position="escalations:2")),
    ("drained", "ahead of its topic", lambda e: e.cases[ID].update(position="cases:4")),
    (
        "no_unexpected_letters",
        "a dead letter",
        lambda e: e.letters.append({"topic": "cases", "reason": "invalid_value"}),
    ),
]


def other_at(evidence: Evidence, number: int) -> Seen:
    one = evidence.seen[number]
    return replace(one, event=structs.replace(one.event, id=UUID(int=98)), offset=98)


def test_a_right_history_has_no_violation() -> None:
    assert judge(right()) == []


@pytest.mark.parametrize(("rule", "how", "spoil"), WRONG, ids=[f"{r}: {h}" for r, h, _ in WRONG])
def test_each_rule_finds_what_is_wrong(
    rule: str, how: str, spoil: Callable[[Evidence], None]
) -> None:
    evidence = right()
    spoil(evidence)
    assert list(RULES[rule](evidence)), how


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _, _ in WRONG} == set(RULES)


def test_what_is_delivered_again_is_no_violation() -> None:
    evidence = right()
    evidence.seen += [replace(one, offset=one.offset + 50) for one in evidence.seen]
    evidence.mails = [*evidence.mails, *evidence.mails]
    assert judge(evidence) == []


def test_a_fault_explains_lateness_but_not_before_it_nor_long_after() -> None:
    fault = Span("kill", "escalation", 100, 110)  # and 20 s of recovery
    assert unexplained(95, 99, [fault]) == 4
    assert unexplained(95, 120, [fault]) == 5
    assert unexplained(105, 140, [fault]) == 10
    assert unexplained(200, 207, [fault]) == 7
    assert unexplained(95, 140, [fault, Span("kill", "intake", 101, 105)]) == 15


def test_a_late_timer_during_a_fault_is_explained() -> None:
    evidence = right()
    changed(4, recordedat=after(30))(evidence)
    evidence.spans = [Span("freeze", "escalation", after(1).timestamp(), after(12).timestamp())]
    assert not list(RULES["timers"](evidence))
