"""`recourse policy diff`: what changes for whom between two packs, in words.

Owns comparing thing by thing and how a change is said. A text diff shows lines; this shows that
money_safety cases are answered later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from schemas.pack import Pack
from services.policy.flattening import Said, Thing, things_of

_NOTHING: Final = ("none", "no", "", ())
"""What is not worth saying of something new or gone."""
_SECTIONS: Final = {
    "pack": "The pack",
    "match": "Which cases it takes",
    "categories": "Categories",
    "clocks": "Clocks",
    "regimes": "What the law gives",
    "ladder": "Ladder",
    "groups": "Groups",
    "actions": "Actions of other backends",
    "calendars": "Calendars",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of a property of a thing; or a thing that is new (no `old`) or gone."""

    thing: Thing
    part: str
    old: str | None
    new: str | None

    def said(self) -> str:
        """The change as a person reads it, without whom it concerns."""
        what = " ".join(word for word in (self.thing.what, self.part) if word)
        if self.old is None:
            return f"{what or 'it'} is new: {self.new}"
        if self.new is None:
            return f"{what or 'it'} is gone (was: {self.old})"
        if not self.old:
            return f"{what}: {self.new}"
        return f"{what} {self.old} -> {self.new}".strip()

    def to_plain(self) -> dict[str, Any]:
        """As JSON says it."""
        return {
            "section": self.thing.section,
            "who": self.thing.who,
            "what": " ".join(word for word in (self.thing.what, self.part) if word),
            "old": self.old,
            "new": self.new,
            "text": f"{self.thing.who}: {self.said()}",
        }


def changes_between(old: Pack, new: Pack) -> list[Change]:
    """Every change, in the order of the pack's sections."""
    before, after = things_of(old), things_of(new)
    found = [
        change
        for thing in {**before, **after}
        for change in _changes(thing, before.get(thing), after.get(thing))
    ]
    order = list(_SECTIONS)
    return sorted(found, key=lambda change: order.index(change.thing.section))


def _changes(
    thing: Thing, old: dict[str, Said] | None, new: dict[str, Said] | None
) -> Iterator[Change]:
    if old is None or new is None:
        was, now = (None if each is None else _whole(each) for each in (old, new))
        yield Change(thing, "", was, now)
        return
    for part in {**old, **new}:
        was_said, now_said = old.get(part), new.get(part)
        if was_said != now_said:
            yield _change(thing, part, was_said, now_said)


def _change(thing: Thing, part: str, old: Said | None, new: Said | None) -> Change:
    if isinstance(old, tuple) and isinstance(new, tuple) and set(old) != set(new):
        added = [each for each in new if each not in old]
        dropped = [each for each in old if each not in new]
        words = [("adds", added), ("drops", dropped)]
        return Change(thing, part, "", "; ".join(f"{w} {', '.join(g)}" for w, g in words if g))
    return Change(thing, part, _plain(old), _plain(new))


def _plain(said: Said | None) -> str:
    if isinstance(said, tuple):
        return ", ".join(said) or "none"
    return "none" if said is None else said


def _whole(properties: dict[str, Said]) -> str:
    """Something new or gone in one line, without what it leaves open."""
    told = {part: said for part, said in properties.items() if said not in _NOTHING}
    return "; ".join(f"{part} {_plain(said)}".strip() for part, said in told.items()) or "empty"


def lines_of(changes: Iterable[Change]) -> Iterator[str]:
    """The changes for a terminal, one a line."""
    yield from (f"{change.thing.who}: {change.said()}" for change in changes)


def markdown_of(changes: Iterable[Change]) -> Iterator[str]:
    """The changes for a merge request, by section."""
    for section, group in groupby(changes, key=lambda change: change.thing.section):
        yield f"### {_SECTIONS[section]}"
        yield ""
        yield from (f"- **{change.thing.who}**: {change.said()}" for change in group)
        yield ""
