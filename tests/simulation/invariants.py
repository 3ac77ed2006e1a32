"""What must be true after a history, whatever went wrong in it. Owns each promise by name.

Reads only what a history left: tables, what the broker ever heard, mails, answers. Never repairs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from schemas.wire import Wire
from services.intake.store import Blind
from tests.simulation.conduct import Conduct
from tests.simulation.inputs import SOURCE
from tests.simulation.world import SERVICES, World

_OUTPUTS: Final = {
    "intake": {"cases": ("o1", "p1")},
    "escalation": {"escalations": ("o1", "p1"), "actions": ("o2", "p2")},
    "notifier": {"deliveries": ("o1", "p1")},
}
_INPUTS: Final = (
    ("escalation", "s1", "h1", "intake", "o1", "p1"),
    ("notifier", "s1", "h1", "intake", "o1", "p1"),
    ("notifier", "s2", "h2", "escalation", "o1", "p1"),
)
_ENDED: Final = ("sent", "confirmed", "failed", "suppressed")


@dataclass(frozen=True)
class Remains:
    """What a history left, read once."""

    world: World
    conduct: Conduct
    tables: dict[str, dict[str, list[dict[str, Any]]]]

    def entities(self, service: str) -> dict[UUID, dict[str, Any]]:
        """A service's entities by id."""
        return {row["id"]: row for row in self.tables[service]["entity"]}


async def remains(world: World, conduct: Conduct) -> Remains:
    """Read everything."""
    names = {
        "intake": ("case_identity", "case_line"),
        "escalation": ("rung", "rung_offer", "firing", "action", "queue", "journal"),
        "notifier": ("delivery",),
    }
    always = ("entity", "log", "unpublished", "stopped", "parked", "dead_letter", "foreign_waiting")
    tables = {
        service: {name: await world.stores[service].table(name) for name in (*always, *more)}
        for service, more in names.items()
    }
    return Remains(world, conduct, tables)


def violations(left: Remains) -> list[str]:
    """Every broken promise, in words."""
    return [f"{promise.__name__}: {broken}" for promise in PROMISES for broken in promise(left)]


def nothing_is_left_over(left: Remains) -> Iterator[str]:
    for service in SERVICES:
        tables = left.tables[service]
        for name in ("unpublished", "stopped", "parked", "foreign_waiting"):
            for row in tables[name]:
                yield f"{service}.{name} has {row.get('reason', row.get('pos'))}"
        for entity in tables["entity"]:
            if entity["parked"]:
                yield f"{service}: a case counts {entity['parked']} parked"


def only_garbage_is_buried(left: Remains) -> Iterator[str]:
    """Each once, whatever was delivered twice."""
    for service in SERVICES:
        buried = left.tables[service]["dead_letter"]
        expected = left.conduct.garbage if service == "intake" else 0
        if len(buried) != expected:
            reasons = [row["reason"] for row in buried]
            yield f"{service} buried {reasons}, and {expected} were garbage"


def no_acknowledged_input_is_lost(left: Remains) -> Iterator[str]:
    logs = {
        "cases": {(row["entity"], row["seq"]) for row in left.tables["intake"]["log"]},
        "escalations": {
            (row["entity"], row["seq"])
            for row in left.tables["escalation"]["log"]
            if row["topic"] == "escalations"
        },
    }
    for case_id, position in left.conduct.positions:
        topic, _, number = position.partition(":")
        if (case_id, int(number)) not in logs[topic]:
            yield f"{position} of {case_id} was answered and is not in the log"
    blind = Blind(left.world.of("intake")[0].entities.sealer)
    known = {row["identity"] for row in left.tables["intake"]["case_identity"]}
    for name in left.conduct.reported:
        if blind.identity(SOURCE, name) not in known:
            yield f"report {name} was taken and has no case"


def one_case_per_report(left: Remains) -> Iterator[str]:
    opened = Counter(
        row["entity"] for row in left.tables["intake"]["log"] if "case.opened" in row["type"]
    )
    cases = {row["case_id"] for row in left.tables["intake"]["case_identity"]}
    for case_id, count in opened.items():
        if count > 1:
            yield f"{case_id} was opened {count} times"
    if set(opened) != cases:
        yield f"{len(opened)} cases were opened for {len(cases)} that reports belong to"


def streams_have_no_gap_and_chains_hold(left: Remains) -> Iterator[str]:
    wire = Wire()
    for service, topics in _OUTPUTS.items():
        logs: dict[tuple[str, UUID], list[Any]] = defaultdict(list)
        for row in sorted(left.tables[service]["log"], key=lambda row: row["pos"]):
            if row["topic"] in topics:
                logs[row["topic"], row["entity"]].append(row)
        entities = left.entities(service)
        for (topic, case_id), rows in logs.items():
            hash_ = b""
            for number, row in enumerate(rows, 1):
                if row["seq"] != number or row["prevhash"] != hash_:
                    yield f"{topic} of {case_id} breaks at {row['seq']} (place {number})"
                    break
                hash_ = wire.make(
                    row["id"], service, row["type"], case_id, row["seq"], row["after"],
                    row["recordedat"], row["prevhash"], row["value"],
                ).digest()  # fmt: skip
            last, link = topics[topic]
            if (entities[case_id][last], entities[case_id][link]) != (len(rows), hash_):
                yield f"{topic} of {case_id} is not where its entity says"


def the_wire_tells_what_the_log_says(left: Remains) -> Iterator[str]:
    """Every number was published, and never with two contents."""
    heard = _heard(left)
    for (topic, case_id, number), digests in heard.items():
        if len(digests) > 1:
            yield f"{topic}:{number} of {case_id} was told in {len(digests)} ways"
    for service, topics in _OUTPUTS.items():
        for row in left.tables[service]["log"]:
            if row["topic"] in topics and (row["topic"], row["entity"], row["seq"]) not in heard:
                yield f"{row['topic']}:{row['seq']} was never published"


def _heard(left: Remains) -> dict[tuple[str, UUID, int], set[bytes]]:
    """The hashes of what the broker was ever given, by stream and number."""
    wire, streams = Wire(), {topic for topics in _OUTPUTS.values() for topic in topics}
    heard: dict[tuple[str, UUID, int], set[bytes]] = defaultdict(set)
    for record in left.world.broker.heard:
        if record.key is not None and record.topic in streams:
            event = wire.decode(record.headers, record.value or b"")
            if event.subject is not None:
                heard[record.topic, event.subject, event.sequence].add(event.digest())
    return heard


def everybody_knows_the_same(left: Remains) -> Iterator[str]:
    for reader, at, link, writer, end, last in _INPUTS:
        known = left.entities(reader)
        for case_id, entity in left.entities(writer).items():
            mine = known.get(case_id)
            if mine is None or (mine[at], mine[link]) != (entity[end], entity[last]):
                yield f"{reader} is at {mine and mine[at]} of {writer}'s {entity[end]}"


def nothing_fires_early_or_never(left: Remains) -> Iterator[str]:
    tables = left.tables["escalation"]
    for row in tables["firing"]:
        if row["fired_at"] < row["due_at"]:
            yield f"{row['what']} fired before it was due"
        if row["fired_at"] > left.world.domain:
            yield f"{row['what']} fired at an instant that has not come"
    for entity in tables["entity"]:
        if entity["wake_at"] is not None and entity["wake_at"] <= left.world.domain:
            yield "something is due and did not fire"


def a_rung_is_entered_once(left: Remains) -> Iterator[str]:
    tables = left.tables["escalation"]
    rungs = Counter(
        (row["case_id"], row["episode"], row["rung"], row["visit"]) for row in tables["rung"]
    )
    for rung, count in rungs.items():
        if count > 1:
            yield f"{rung} was entered {count} times"
    entered = sum("rung.entered" in row["type"] for row in tables["log"])
    if entered != len(tables["rung"]):
        yield f"{entered} times a rung was told to be entered, {len(tables['rung'])} are known"


def told_once_and_to_the_end(left: Remains) -> Iterator[str]:
    rows = left.tables["notifier"]["delivery"]
    keys = Counter((row["event_id"], row["recipient"], row["channel"]) for row in rows)
    for key, count in keys.items():
        if count > 1:
            yield f"{key} was planned {count} times"
    said = Counter(
        row["type"].removeprefix("recourse.delivery.").removesuffix(".v1")
        for row in left.tables["notifier"]["log"]
    )
    status = Counter(row["status"] for row in rows)
    for row in rows:
        if row["status"] not in _ENDED:
            yield f"a delivery has not ended: {row['status']}"
    for name in ("sent", "failed", "suppressed"):
        if said[name] != status[name]:
            yield f"{status[name]} deliveries are {name}, {said[name]} were said to be"
    planned = len(rows) - status["suppressed"]
    if said["planned"] != planned:
        yield f"{planned} deliveries were planned, {said['planned']} were said to be"


def what_is_sent_is_the_same_every_time(left: Remains) -> Iterator[str]:
    bodies: dict[str, set[str]] = defaultdict(set)
    for mail in left.world.around.mailbox:
        bodies[mail.key].add(mail.model_dump_json())
    for key, said in bodies.items():
        if len(said) > 1:
            yield f"{key} was sent with {len(said)} contents"
    for row in left.tables["notifier"]["delivery"]:
        handed = row["key"] in bodies
        if handed != (row["channel"] != "in_app" and row["status"] in ("sent", "confirmed")):
            yield f"{row['channel']} delivery is {row['status']}, and was handed over: {handed}"


PROMISES: Final = (
    nothing_is_left_over,
    only_garbage_is_buried,
    no_acknowledged_input_is_lost,
    one_case_per_report,
    streams_have_no_gap_and_chains_hold,
    the_wire_tells_what_the_log_says,
    everybody_knows_the_same,
    nothing_fires_early_or_never,
    a_rung_is_entered_once,
    told_once_and_to_the_end,
    what_is_sent_is_the_same_every_time,
)
