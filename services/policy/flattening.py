"""A pack as the things it speaks of, each with its properties in words.

Owns whom a part of the pack concerns ("money_safety cases", "rung senior") and how its values are
said. What a later pack adds to the model is said too, under its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from schemas.pack import Pack
from schemas.pack_clocks import Budget
from services.escalation.core.statutes.counting import in_words
from services.policy import wording

Said = str | tuple[str, ...]
_NAMES: Final = ("name", "fact", "action")
"""What tells the items of a list apart."""
_LONGEST: Final = 400
_NAMED: Final = {"group": "groups", "action": "actions", "calendar": "calendars"}
_REGIMES: Final = ("regimes", "regime_files")
_HANDLED: Final = (
    *(*_NAMED.values(), *_REGIMES, "match", "categories", "lanes", "ladder", "holiday_files"),
)


class Thing(NamedTuple):
    """Something that a pack speaks of: whom it concerns, and what it is."""

    section: str
    who: str
    what: str = ""

    def title(self) -> str:
        """Both in a few words."""
        return f"{self.who}: {self.what}" if self.what else self.who


def things_of(pack: Pack) -> dict[Thing, dict[str, Said]]:
    """Everything that the pack says, by thing and property."""
    found: dict[Thing, dict[str, Said]] = {}
    for thing, value in _things(pack):
        found.setdefault(thing, {}).update(properties(value, pack))
    return found


def _things(pack: Pack) -> Iterator[tuple[Thing, Any]]:
    yield Thing("pack", "the pack"), _without(pack, *_HANDLED)
    for position, rule in enumerate(pack.match, start=1):
        said = {"place": position, "": rule.when}
        yield Thing("match", "which cases", f"rule {rule.name}"), said
    yield from _categories(pack)
    yield from _lanes(pack)
    yield from _ladder(pack)
    yield from _regimes(pack)
    for kind, entries in _NAMED.items():
        for name, entry in getattr(pack, entries).items():
            yield Thing(entries, f"{kind} {_word(name)}"), entry
    for name, days in pack.holiday_files.items():
        yield Thing("calendars", f"holiday file {name}"), days


def _categories(pack: Pack) -> Iterator[tuple[Thing, Any]]:
    for category, rule in pack.categories.items():
        who = f"{category.value} cases"
        yield Thing("categories", who), _without(rule, "facts")
        for fact in rule.facts:
            yield Thing("categories", who, f"asking for {fact.fact}"), fact.why


def _lanes(pack: Pack) -> Iterator[tuple[Thing, Any]]:
    for lane, rule in pack.lanes.items():
        who = f"{lane.value} cases"
        yield Thing("clocks", who), _without(rule, "clocks")
        for clock in rule.clocks:
            # Its budget is what a clock is: it needs no name.
            said = {"": clock.budget, **_without(clock, "name", "budget")}
            yield Thing("clocks", who, f"clock {clock.name}"), said


def _ladder(pack: Pack) -> Iterator[tuple[Thing, Any]]:
    order = tuple(rung.name for rung in pack.ladder.rungs)
    yield Thing("ladder", "the ladder"), {**_without(pack.ladder, "rungs"), "order": order}
    for rung in pack.ladder.rungs:
        yield Thing("ladder", f"rung {rung.name}"), _without(rung, "name")


def _regimes(pack: Pack) -> Iterator[tuple[Thing, Any]]:
    """What the law gives the cases of this pack; a clock in short, not each of its conditions."""
    for rule in pack.regimes:
        regime, who = pack.regime_files[rule.use], f"cases under {rule.use}"
        frame = {name: getattr(regime, name) for name in ("effective_from", "effective_until")}
        yield Thing("regimes", who), {**_without(rule, "use"), **frame}
        for clock in regime.clocks:
            ways = (in_words(way.count) for way in clock.ways)
            said = {"": " or ".join(dict.fromkeys(ways)) or clock.role.value}
            said |= {"source": clock.source_status.wording, "citation": clock.citation}
            yield Thing("regimes", who, f"clock {clock.name}"), said


def _without(model: BaseModel, *parts: str) -> dict[str, Any]:
    return {name: value for name, value in model if name not in parts}


def properties(value: Any, pack: Pack, label: str = "") -> dict[str, Said]:
    """The properties of a value in words, nested ones by their way: `offer wording en`."""
    if isinstance(value, Budget):
        return {label.replace("_", " "): wording.budget(pack, value)}
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        inside = [(f"{label} {_word(key)}".strip(), each) for key, each in value.items()]
    elif isinstance(value, list | tuple) and any(isinstance(each, BaseModel) for each in value):
        inside = [(f"{label} {_name_of(each, n)}", each) for n, each in enumerate(value)]
    else:
        return {label.replace("_", " "): _said(value)}
    found: dict[str, Said] = {}
    for inner, each in inside:
        found |= properties(each, pack, inner)
    return found


def _name_of(item: BaseModel, position: int) -> str:
    names = (getattr(item, name, None) for name in _NAMES)
    return _word(next((name for name in names if name is not None), position + 1))


def _said(value: Any) -> Said:
    if isinstance(value, list | tuple):
        return tuple(_text(each) for each in value)
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return wording.duration(value)
    if isinstance(value, list | tuple):
        return " to ".join(_text(each) for each in value)
    text = _word(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _word(value: Any) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)
