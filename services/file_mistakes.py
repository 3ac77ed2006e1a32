"""What is wrong in a file that people wrote, in their words: from pydantic's errors to remedies.

Owns the wording: each mistake says what stands there and what to write instead. Never reads files
and never decides what is valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from schemas.pack_checks import PackProblem, Place
from schemas.spelling import alternatives, nearest
from services.model_keys import fields_at

_SHOWN: Final = 60
_EXAMPLES: Final[Mapping[str, str]] = {
    "budget": "budget: {amount: PT15M, unit: business, calendar: NAME}",
    "answer_within": "answer_within: {amount: PT10M, unit: elapsed, calendar: NAME}",
    "expires_after": "expires_after: {amount: P3D, unit: elapsed, calendar: NAME}",
    "amount": "amount: PT15M",
    "unit": "unit: business",
    "calendar": "calendar: NAME",
    "title": "title: {en: TEXT}",
    "why": "why: {en: TEXT}",
    "wording": "wording: {en: TEXT}",
    "collapse_window": "collapse_window: PT24H",
    "stale_grace": "stale_grace: PT10M",
    "cap": "cap: P3D",
    "pauses": "pauses: {cap: P3D}",
    "match": "match: [{name: every-case}]",
    "version": 'version: "1"',
    "time_zone": "time_zone: Asia/Shanghai",
    "weekly": 'weekly: {mon: [["09:00", "18:00"]]}',
    "path": "path: phone",
    "side": "side: operator",
}
"""What to write where a key is missing."""
FILLERS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("amount", "collapse_window", "stale_grace", "cap"), "PT15M"),
    **{key: {} for key in ("title", "why", "wording")},
    "version": "",
}
"""Stand-ins for what is missing or wrong, where they lead to no mistake of their own."""


def mistakes_of(
    error: ValidationError, model: type[BaseModel], plain: object
) -> Iterator[PackProblem]:
    """Every mistake once, where it stands in the plain data, in the order of pydantic."""
    told: set[Place] = set()
    placed = [(found, _place_in(plain, found["loc"])) for found in error.errors(include_url=False)]
    meant = {_meant(place, model) for found, place in placed if found["type"] == "extra_forbidden"}
    for found, place in placed:
        if place not in told and not (found["type"] == "missing" and place in meant):
            told.add(place)
            yield PackProblem(place, _words(found, place, model))


def _meant(place: Place, model: type[BaseModel]) -> Place:
    """The key that a misspelt one stands for: it is not missing too."""
    near = nearest(str(place[-1]), fields_at(model, place[:-1]))
    return (*place[:-1], near or "")


def _place_in(plain: object, location: Sequence[str | int]) -> Place:
    """The part of pydantic's location that stands in the file: it also names types it tried."""
    place: list[str | int] = []
    at: Any = plain
    for step in location:
        if step in steps_of(at):
            at = at[step]
            place.append(step)
        elif step == location[-1] and isinstance(at, Mapping) and step != "[key]":
            return (*place, step)  # the key that is missing
        else:
            break
    return tuple(place)


def steps_of(plain: object) -> Collection[str | int]:
    """The keys of a mapping, or the positions of a list."""
    if isinstance(plain, Mapping):
        return plain.keys()
    return range(len(plain)) if isinstance(plain, list | tuple) else ()


def _words(found: Any, place: Place, model: type[BaseModel]) -> str:
    for pattern, words in _WORDS.items():
        if re.fullmatch(pattern, found["type"]):
            return words(found, place, model)
    return f"{shown(found['input'])} cannot stand here: {found['msg']}"


def shown(value: object) -> str:
    """A value as the message quotes it: never longer than a line has room for."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, int) and value.bit_length() > 100:
        return "a very large number"
    text = repr(value) if isinstance(value, str) else _as_yaml(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _missing(found: Any, place: Place, model: type[BaseModel]) -> str:
    key = str(place[-1]) if place else "it"
    if key not in fields_at(model, place[:-1]):
        return 'an interval has a beginning and an end: write ["09:00", "18:00"]'
    return f"is missing: add `{_EXAMPLES.get(key, key + ': ...')}`"


def _extra(found: Any, place: Place, model: type[BaseModel]) -> str:
    key = str(found["loc"][-1])
    known = fields_at(model, place[:-1])
    return f"there is no key {shown(key)} here{alternatives(key, known)}"


def _choice(found: Any, place: Place, model: type[BaseModel]) -> str:
    known = re.findall(r"'([^']*)'", str((found.get("ctx") or {}).get("expected", "")))
    value = found["input"]
    what = "there is no key" if found["loc"][-1:] == ("[key]",) else "there is no value"
    word = value if isinstance(value, str) else _as_yaml(value)
    return f"{what} {shown(value)} here{alternatives(word, known)}"


_SPOKEN: Final = re.compile(
    r"(\d+)\s*(s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)", re.IGNORECASE
)
_ISO: Final = {"s": "PT{}S", "m": "PT{}M", "h": "PT{}H", "d": "P{}D", "w": "P{}W"}


def _duration(found: Any, place: Place, model: type[BaseModel]) -> str:
    value = found["input"]
    spoken = _SPOKEN.fullmatch(value.strip()) if isinstance(value, str) else None
    remedy = "a duration such as PT15M, PT8H or P3D"
    if spoken is not None:
        remedy = _ISO[spoken[2][0].lower()].format(spoken[1])
    elif place[-1:] == ("amount",):
        remedy += ", or a whole number of days, weeks or months"
    return f"{shown(value)} is no duration: write {remedy}"


def _text(found: Any, place: Place, model: type[BaseModel]) -> str:
    value = found["input"]
    if isinstance(value, bool | int | float) and not shown(value).startswith("a "):
        return f'{shown(value)} is no text: write it in quotes, "{_as_yaml(value)}"'
    return f"{shown(value)} stands here, where a text is wanted: write a text"


def _name(found: Any, place: Place, model: type[BaseModel]) -> str:
    value = str(found["input"])
    rule = "small letters, digits, - and _, a letter first, at most 64"
    slug = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_0123456789")[:64]
    return f"{shown(value)} is no name: write {slug or 'a name'} ({rule})"


def _number(found: Any, place: Place, model: type[BaseModel]) -> str:
    return f"{shown(found['input'])} is no whole number: write one such as 3"


def _bound(found: Any, place: Place, model: type[BaseModel]) -> str:
    context = found["ctx"]
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    bounds = " and ".join(f"{words[key]} {context[key]}" for key in words if key in context)
    return f"{shown(found['input'])} is out of range: write a number of {bounds}"


def _truth(found: Any, place: Place, model: type[BaseModel]) -> str:
    return f"{shown(found['input'])} stands here: write true or false"


def _mapping(found: Any, place: Place, model: type[BaseModel]) -> str:
    known = ", ".join(fields_at(model, place))
    keys = f" with the keys {known}" if known else ", such as `{en: TEXT}` or `NAME: ...`"
    return f"{shown(found['input'])} stands here, where a mapping is wanted: write one{keys}"


_TIME_OF_DAY: Final = re.compile(r"\d\d?:\d\d")


def _list(found: Any, place: Place, model: type[BaseModel]) -> str:
    value = found["input"]
    if isinstance(value, str) and _TIME_OF_DAY.fullmatch(value):
        return 'hours are a list of intervals: write [["09:00", "18:00"]]'
    instead = f"[{_as_yaml(value)}]" if isinstance(value, str | int | float) else "[..., ...]"
    if len(instead) > _SHOWN:
        instead = "[..., ...]"
    return f"{shown(value)} stands here, where a list is wanted: write {instead}"


def _length(found: Any, place: Place, model: type[BaseModel]) -> str:
    if found["ctx"].get("actual_length") is not None and found["ctx"].get("max_length") == 2:
        return 'an interval has a beginning and an end: write ["09:00", "18:00"]'
    return str(found["msg"]).replace("Tuple", "the list").replace("Data", "it")


def _own_words(found: Any, place: Place, model: type[BaseModel]) -> str:
    return str(found["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")


_WORDS: Final[Mapping[str, Callable[[Any, Place, type[BaseModel]], str]]] = {
    "missing": _missing,
    "extra_forbidden": _extra,
    "enum|literal_error": _choice,
    "time_delta_.*": _duration,
    "string_type|string_unicode|string_sub_type": _text,
    "string_pattern_mismatch": _name,
    "int_.*": _number,
    "(greater|less)_than(_equal)?": _bound,
    "bool_.*": _truth,
    "model_type|dict_type|model_attributes_type": _mapping,
    "tuple_type|list_type": _list,
    "too_long|too_short": _length,
    "value_error|assertion_error": _own_words,
}
