"""The judge: from what was seen outside, what went wrong. Pure; every rule can fail.

Owns which rules there are. How time is judged lives in `lateness.py`, how a life in `lives.py`.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.chaos.evidence import Evidence, Json, Seen, data_of, name_of
from tests.chaos.lateness import timers_fire_once_and_in_time
from tests.chaos.lives import only_legal_transitions

ENDED: Final = {"sent", "confirmed", "failed", "suppressed"}
Rule = Callable[[Evidence], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and where."""

    rule: str
    what: str


def judge(evidence: Evidence) -> list[Violation]:
    """Every violation of every rule."""
    return [Violation(name, what) for name, rule in RULES.items() for what in rule(evidence)]


def streams(seen: Sequence[Seen]) -> dict[tuple[str, str], list[Seen]]:
    """The records of each (topic, case), in the order of their offsets."""
    found: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        found[one.topic, str(one.event.subject)].append(one)
    return found


def no_report_lost(evidence: Evidence) -> Iterator[str]:
    """Each acknowledged report is one case, which is open on the topic too, once."""
    opened = Counter(
        str(one.event.subject)
        for one in {(o.event.subject, o.event.id): o for o in evidence.seen}.values()
        if name_of(one.event) == "case.opened"
    )
    for case_id, times in opened.items():
        if times > 1:
            yield f"case {case_id} was opened by {times} different events"
    for ack in evidence.acks:
        if ack.what != "report":
            continue
        cases = evidence.by_report.get(ack.external_id)
        if cases is not None and len(cases) != 1:
            yield f"{ack.road} report {ack.external_id} is {len(cases)} cases"
        for case_id in {*(cases or []), *([ack.case_id] if ack.case_id else [])}:
            if case_id not in opened:
                yield f"{ack.road} report {ack.external_id}: case {case_id} is not on the topic"


def no_answer_taken_back(evidence: Evidence) -> Iterator[str]:
    """What was answered with a position is at that position, and nothing else is."""
    last = {place: max(o.event.sequence for o in seen) for place, seen in _streams(evidence)}
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for ack in evidence.acks:
        if ack.position is None or ack.case_id is None:
            continue
        topic, _, number = ack.position.rpartition(":")
        if last.get((topic, ack.case_id), 0) < int(number):
            yield f"{ack.what} on case {ack.case_id} was answered {ack.position}: not there"
        if ack.what != "report":
            holders[ack.case_id, ack.position].add(ack.key)
    for (case_id, position), keys in holders.items():
        if len(keys) > 1:
            yield f"case {case_id}: {len(keys)} requests were answered {position}"


def each_contact_once(evidence: Evidence) -> Iterator[str]:
    """Each acknowledged contact is in its case exactly once."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for ack in evidence.acks:
        if ack.what == "contact" and ack.case_id:
            wanted[ack.case_id].append(ack.external_id)
    for case_id, ids in wanted.items():
        case = evidence.cases.get(case_id)
        if case is None:
            continue
        there = Counter(each.get("external_id") for each in case["contacts"])
        for external_id in ids:
            if there[external_id] != 1:
                yield f"case {case_id}: contact {external_id} is there {there[external_id]} times"


def a_rung_once(evidence: Evidence) -> Iterator[str]:
    """At most one rung per case, episode, rung and visit."""
    entered: dict[tuple[Any, ...], set[object]] = defaultdict(set)
    for one in evidence.seen:
        if name_of(one.event) == "rung.entered":
            data = data_of(one.event)
            rung = (one.event.subject, data["episode"], data["rung"], data.get("visit", 1))
            entered[rung].add(one.event.id)
    for rung, ids in entered.items():
        if len(ids) > 1:
            yield f"rung {rung} was entered {len(ids)} times"


def notifications_end(evidence: Evidence) -> Iterator[str]:
    """Every notification is sent, confirmed, failed or suppressed."""
    for case_id, deliveries in evidence.deliveries.items():
        for each in deliveries:
            if each["status"] not in ENDED:
                yield f"case {case_id}: {each['channel']} {each['key']} is {each['status']}"


def duplicates_have_one_key(evidence: Evidence) -> Iterator[str]:
    """One thing to say to one recipient by one channel has one key, whatever is sent again."""
    known: dict[str, str] = {}
    for case_id, deliveries in evidence.deliveries.items():
        said = Counter(
            (d["event_id"], d["recipient"], d["channel"], d["template"]) for d in deliveries
        )
        for what, times in said.items():
            if times > 1:
                yield f"case {case_id}: {what} has {times} deliveries"
        known |= {each["key"]: each["channel"] for each in deliveries}
    arrived = _arrived(evidence)
    for key in sorted(arrived - set(known)):
        yield f"something arrived under the key {key}, which no delivery has"
    for case_id, deliveries in evidence.deliveries.items():
        for each in deliveries:
            went_out = each["status"] in {"sent", "confirmed"} and each["channel"] != "in_app"
            if went_out and each["key"] not in arrived:
                yield f"case {case_id}: {each['channel']} {each['key']} is sent and never arrived"


def _arrived(evidence: Evidence) -> set[str]:
    ids = [str(mail["headers"]["Message-ID"]) for mail in evidence.mails]
    mailed = {each.strip("<>").rpartition("@")[0] for each in ids}
    return mailed | {str(hook["id"]) for hook in evidence.hooks}


def order_without_gaps(evidence: Evidence) -> Iterator[str]:
    """A case's events come as 1, 2, 3...; only what was there before may come again."""
    for place, seen in _streams(evidence):
        last = 0
        for one in seen:
            number = one.event.sequence
            if number > last + 1:
                yield f"{place}: {number} came after {last}"
            last = max(last, number)
        if len({one.partition for one in seen}) > 1:
            yield f"{place} lies on several partitions"


def chains_unbroken(evidence: Evidence) -> Iterator[str]:
    """Each event names the hash of the one before; nothing differs under one number."""
    for place, seen in _streams(evidence):
        chain: dict[int, Seen] = {}
        for one in seen:
            known = chain.setdefault(one.event.sequence, one)
            if known.event.digest() != one.event.digest():
                yield f"{place}: two different events at {one.event.sequence}"
        before = b""
        for number in sorted(chain):
            event = chain[number].event
            if number - 1 in chain or number == 1:
                before = chain[number - 1].event.digest() if number > 1 else b""
                if event.prevhash != before:
                    yield f"{place}: the link at {number} is broken"


def time_never_goes_back(evidence: Evidence) -> Iterator[str]:
    """The instants of a case's stream never go back, whatever the database's clock does."""
    for place, seen in _streams(evidence):
        ordered = sorted({o.event.sequence: o.event for o in seen}.items())
        for (_, one), (number, other) in itertools.pairwise(ordered):
            if other.recordedat < one.recordedat:
                yield f"{place}: {number} was recorded before the one before it"


def drained(evidence: Evidence) -> Iterator[str]:
    """Nothing is in flight at the end, and every reader is where the writer is."""
    yield from evidence.outstanding
    last = {place: max(o.event.sequence for o in seen) for place, seen in _streams(evidence)}
    views: Mapping[str, Mapping[str, Json]] = {
        "cases": evidence.cases,
        "escalations": evidence.ladders,
    }
    for topic, documents in views.items():
        for case_id, document in documents.items():
            shown, written = document["position"], last.get((topic, case_id), 0)
            if shown != f"{topic}:{written}":
                yield f"case {case_id} is at {shown}, its topic at {written}"


def no_unexpected_letters(evidence: Evidence) -> Iterator[str]:
    """Nothing became a dead letter but what was poison."""
    for letter in evidence.letters:
        yield f"dead letter on {letter['topic']}: {letter['reason']} {letter.get('detail', '')}"


def _streams(evidence: Evidence) -> list[tuple[tuple[str, str], list[Seen]]]:
    return sorted(streams(evidence.seen).items())


RULES: Final[Mapping[str, Rule]] = {
    "no_report_lost": no_report_lost,
    "no_answer_taken_back": no_answer_taken_back,
    "each_contact_once": each_contact_once,
    "a_rung_once": a_rung_once,
    "timers": timers_fire_once_and_in_time,
    "notifications_end": notifications_end,
    "duplicates_have_one_key": duplicates_have_one_key,
    "order_without_gaps": order_without_gaps,
    "chains_unbroken": chains_unbroken,
    "time_never_goes_back": time_never_goes_back,
    "only_legal_transitions": only_legal_transitions,
    "drained": drained,
    "no_unexpected_letters": no_unexpected_letters,
}
