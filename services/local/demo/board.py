"""What the demo shows while it runs: where the cases are, what happened last, which mails went.

Owns the running picture, made from the events of topic `escalations`. Judges nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.local.demo.watcher import Seen

LAST: Final = 8
ENDED: Final = "ended"
DEAD_LETTER: Final = "message.dead_lettered"
MISSED: Final = "clock.missed"


@dataclass(slots=True)
class Board:
    """The picture. `names` fills up while the play learns the ids of its cases."""

    paths: tuple[str, ...]
    zone: ZoneInfo
    now: datetime
    names: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    entered: Counter[str] = field(default_factory=Counter)
    news: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    mails: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    missed: list[Seen] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, seen: Seen) -> None:
        """One more event."""
        if seen.name == DEAD_LETTER:
            self.dead_letters.append(seen.data)
            return
        if seen.at is not None:
            self.now = max(self.now, seen.at.astimezone(self.zone))
        if seen.name == MISSED:
            self.missed.append(seen)
        self._move(seen)

    def counts(self) -> dict[str, int]:
        """How many cases stand on each path, and how many have ended."""
        standing = Counter(self.places.values())
        return {place: standing[place] for place in (*self.paths, ENDED)}

    def line(self) -> str:
        """The picture in one line."""
        counts = "  ".join(f"{place} {count}" for place, count in self.counts().items())
        return f"{self.now:%a %d %b %H:%M}  {counts}"

    def _move(self, seen: Seen) -> None:
        case, data = seen.case_id or "", seen.data
        match seen.name:
            case "rung.entered":
                self.places[case] = data["path"]
                self.entered[data["path"]] += 1
                self._tell(seen, f"{data['path']} ({data['reason']})")
            case "offer.made":
                self._tell(seen, f"{data['offered_path']} is offered ({data['reason']})")
            case "ladder.stopped":
                self.places[case] = ENDED
                self._tell(seen, str(data["reason"]))
            case _:
                pass

    def _tell(self, seen: Seen, what: str) -> None:
        known = {case_id: name for name, case_id in self.names.items()}
        name = known.get(seen.case_id or "", (seen.case_id or "")[:8])
        at = seen.at.astimezone(self.zone) if seen.at else self.now
        self.news.append(f"{at:%a %H:%M}  {name}: {what}")
