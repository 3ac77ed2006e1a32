"""What was seen from outside: acknowledgements, records of topics, mails, hooks, answers, faults.

Owns its shape and how it is kept in a folder. Judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.envelope import Envelope, EnvelopeError, from_headers, to_headers

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ack:
    """Something that the system said it took. `position` such as `cases:3`, where it gave one."""

    what: str
    road: str
    external_id: str
    case_id: str | None = None
    position: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A fault, from its beginning to its end, in domain time (seconds since 1970)."""

    kind: str
    target: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A case's event as it lay on a topic (without prefix)."""

    topic: str
    partition: int
    offset: int
    event: Envelope


@dataclass
class Evidence:
    """Everything that the judge may look at."""

    seed: int = 0
    acks: list[Ack] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    mails: list[Json] = field(default_factory=list)
    hooks: list[Json] = field(default_factory=list)
    by_report: dict[str, list[str]] = field(default_factory=dict)
    """Which cases the read API finds for each report's customer."""
    cases: dict[str, Json] = field(default_factory=dict)
    ladders: dict[str, Json] = field(default_factory=dict)
    deliveries: dict[str, list[Json]] = field(default_factory=dict)
    letters: list[Json] = field(default_factory=list)
    outstanding: list[str] = field(default_factory=list)
    """What was still in flight at the end; empty: drained."""
    read_at: float = 0.0
    """When the ladders were read, in domain time."""

    def keep(self, folder: Path) -> None:
        """Write it all into a folder, a file for each kind."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in self._plain().items():
            text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
            (folder / f"{name}.json").write_text(text)

    def _plain(self) -> dict[str, Any]:
        plain = {name: value for name, value in vars(self).items() if name != "seen"}
        plain["acks"] = [asdict(ack) for ack in self.acks]
        plain["spans"] = [asdict(span) for span in self.spans]
        plain["seen"] = [
            {
                "topic": one.topic,
                "partition": one.partition,
                "offset": one.offset,
                "headers": {name: raw.decode() for name, raw in to_headers(one.event)},
                "value": one.event.value.decode(),
            }
            for one in self.seen
        ]
        return plain


def events_on(records: Iterable[Any], prefix: str) -> list[Seen]:
    """The events of cases among raw records, in the order in which they lay there."""
    found = []
    for record in records:
        try:
            event = from_headers(record.headers, record.value or b"")
        except EnvelopeError:
            continue  # what other backends wrote, or poison: never an event of ours
        if event.subject is not None and event.sequence:
            topic = record.topic.removeprefix(prefix)
            found.append(Seen(topic, record.partition, record.offset, event))
    return found


def name_of(event: Envelope) -> str:
    """`recourse.rung.entered.v1` is `rung.entered`."""
    return event.type.removeprefix("recourse.").rpartition(".v")[0]


def data_of(event: Envelope) -> dict[str, Any]:
    """The public fields of an event."""
    return dict(json.loads(event.value))


def seconds(instant: datetime | str) -> float:
    """An instant as seconds since 1970."""
    at = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return at.timestamp()
