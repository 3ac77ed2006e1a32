"""Why a condition is met or not: its parts, each with what it came to and the values it asked for.

Owns taking a condition apart at its `&&` and `||`. Judging is the business of `conditions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas.conditions import VARIABLES, Verdict, judge, mentions

_TOKEN: Final = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|&&|\|\||[()\[\]{}?]|.""", re.DOTALL
)
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"
_FACT: Final = re.compile(r"""(?<![\w.])facts(?:\.(\w+)|\[['"]([^'"]+)['"]\])""")
_FAILURES: Final = (
    (re.compile(r'No value with name "([^"]+)"'), "{0} is not known"),
    (re.compile(r'Key not found in map : "([^"]+)"'), "the fact {0} is not known"),
    (re.compile(r"No matching overloads found : _?(\S+?)_?\((.*)\)"), "{0} of {1} cannot be"),
    (re.compile(r"divide by zero"), "it divides by zero"),
)


class Part(NamedTuple):
    """A part of a condition that holds no `&&` or `||` of its own."""

    text: str
    verdict: Verdict
    asked: Mapping[str, Any]
    """The values of the case that it asked for; what is missing is not known."""

    def said(self) -> str:
        """What it came to, as a person reads it."""
        if self.verdict.failure is not None:
            return f"cannot be judged: {reason_of(self.verdict.failure)}"
        values = ", ".join(f"{name} is {value!r}" for name, value in self.asked.items())
        return ("met" if self.verdict.met else "not met") + (f": {values}" if values else "")


def parts_of(text: str, values: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of a condition from left to right, judged one by one."""
    pieces = _split(text)
    if len(pieces) > 1:
        for piece in pieces:
            yield from parts_of(piece, values)
    else:
        inner = _within_brackets(pieces[0])
        if inner is not None:
            yield from parts_of(inner, values)
        else:
            yield Part(pieces[0], judge(pieces[0], values), dict(_asked(pieces[0], values)))


def reason_of(failure: str) -> str:
    """CEL's words for what it could not judge, in a person's."""
    for pattern, words in _FAILURES:
        found = pattern.search(failure)
        if found is not None:
            return words.format(*found.groups())
    return failure


def _split(text: str) -> list[str]:
    """At `||` outside of brackets where there is one, else at `&&`; `? :` stays whole."""
    tokens = list(_by_depth(text))
    outside = [token for token, depth in tokens if not depth]
    if "?" in outside:
        return [text.strip()]
    operator = next((one for one in ("||", "&&") if one in outside), None)
    pieces = [""]
    for token, depth in tokens:
        if token == operator and not depth:
            pieces.append("")
        else:
            pieces[-1] += token
    return [piece.strip() for piece in pieces]


def _by_depth(text: str) -> Iterator[tuple[str, int]]:
    depth = 0
    for token in _TOKEN.findall(text):
        depth -= token in _CLOSING
        yield token, depth
        depth += token in _OPENING


def _within_brackets(text: str) -> str | None:
    """What stands inside, where one pair of brackets holds everything."""
    if not (text.startswith("(") and text.endswith(")")):
        return None
    outside = [token for token, depth in _by_depth(text) if not depth]
    return text[1:-1] if outside == ["(", ")"] else None


def _asked(text: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in VARIABLES:
        if name != "facts" and name in values and mentions(text, name):
            yield name, values[name]
    facts: Mapping[str, Any] = values.get("facts") or {}
    for dotted, quoted in _FACT.findall(text):
        name = dotted or quoted
        if name in facts:
            yield f"facts.{name}", facts[name]
