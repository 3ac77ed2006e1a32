"""Conditions of a policy pack, in CEL: the variables they may use, compiled once, judged safely.

Owns the declared variables and the words of every mistake in a condition. Pure. Judging never
raises: a condition that cannot be judged, such as one about an amount that is not known, is not
met, and says so. The engine that type-checks and runs them is Google's own CEL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import inf
from typing import Any, Final, NamedTuple

from cel_expr_python import cel

from schemas.spelling import alternatives
from schemas.vocabulary import Category, Channel, ImportMode, Lane, Severity, Status

_MAX_LENGTH: Final = 2000
_INT_BITS: Final = 63
_DOUBLE_BITS: Final = 1000
_DEEPEST: Final = 32
"""A condition that looks deeper into a fact than this finds null."""
_WORDS: Final[Mapping[str, type[StrEnum]]] = {
    "category": Category,
    "severity": Severity,
    "lane": Lane,
    "channel": Channel,
    "status": Status,
    "import_mode": ImportMode,
}
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    name: tuple(word.value for word in words) for name, words in _WORDS.items()
}
"""The variables that have one of a few values, with these; a case not imported has mode ""."""
VARIABLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(_WORDS, "string"),
    "identity_verified": "bool",
    "amount": "double",
    "currency": "string",
    "source": "string",
    "customer.locale": "string",
    "customer.language": "string",
    "customer.country": "string",
    "customer.time_zone": "string",
    "facts": "map(string, dyn)",
    "known": "list(string)",
}
"""Every variable with its type. `amount` and `facts` may be unknown: ask `"amount" in known`."""


class Mistake(NamedTuple):
    """What is wrong in a condition, and where in its text, both counted from 1."""

    line: int
    column: int
    message: str


class InvalidConditionError(ValueError):
    """A condition that cannot be used."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(each.message for each in mistakes))


class Verdict(NamedTuple):
    """Whether a condition is met; `failure` says why it could not be judged, then it is not.

    A failure may quote values of the case: it is shown to whoever asked, never logged.
    """

    met: bool
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    text: str
    _program: Any

    def judge(self, values: Mapping[str, Any]) -> Verdict:
        """Whether it is met by these variables; one that is left out is not known."""
        try:
            value = self._program.eval(data=values)
            kind, found = value.type(), value.value()
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            return Verdict(met=False, failure=str(error))
        if kind == cel.Type.BOOL:
            return Verdict(met=bool(found))
        return Verdict(met=False, failure=str(found))


@lru_cache(maxsize=1024)
def compile_condition(text: str) -> Condition:
    """The condition of a text. Raises `InvalidConditionError`."""
    if len(text) > _MAX_LENGTH:
        raise _mistake(f"has {len(text)} characters, at most {_MAX_LENGTH} may be: split the rule")
    try:
        program = _environment().compile(text)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidConditionError(tuple(_mistakes(text, str(error)))) from error
    if program.return_type() != cel.Type.BOOL:
        kind = program.return_type().name().lower()
        raise _mistake(f"is of type {kind}, not true or false: compare it with something")
    unknown = tuple(_unknown_words(text))
    if unknown:
        raise InvalidConditionError(unknown)
    return Condition(text, program)


def judge(text: str, values: Mapping[str, Any]) -> Verdict:
    """Whether the condition of a text is met; a text that is none is not, and says why."""
    try:
        return compile_condition(text).judge(values)
    except InvalidConditionError as error:
        return Verdict(met=False, failure=str(error))


def mentions(text: str, variable: str) -> bool:
    """Whether a condition asks about a variable, texts in quotes aside."""
    return re.search(rf"(?<![\w.]){re.escape(variable)}(?!\w)", _QUOTED.sub("''", text)) is not None


def values_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as JSON knows them, in what CEL can take: numbers beyond 64 bits become decimals."""
    return {name: _value(value, _DEEPEST) for name, value in facts.items()}


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, dict | list | tuple) and not depth:
        return None
    if isinstance(value, dict):
        return {name: _value(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_value(each, depth - 1) for each in value]
    if isinstance(value, int) and value.bit_length() > _INT_BITS:
        return float(value) if value.bit_length() <= _DOUBLE_BITS else inf if value > 0 else -inf
    return value


@lru_cache(maxsize=1)
def _environment() -> Any:
    kinds = {
        "string": cel.Type.STRING,
        "bool": cel.Type.BOOL,
        "double": cel.Type.DOUBLE,
        "map(string, dyn)": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
        "list(string)": cel.Type.List(cel.Type.STRING),
    }
    return cel.NewEnv(variables={name: kinds[kind] for name, kind in VARIABLES.items()})


def _mistake(message: str) -> InvalidConditionError:
    return InvalidConditionError((Mistake(1, 1, message),))


_PLACED: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '_?(.+?)_?' applied to '\((.*)\)'")


def _mistakes(text: str, error: str) -> Iterator[Mistake]:
    """What the compiler says, in words; it places each error itself, but for a few."""
    placed = _PLACED.findall(error)
    if not placed:
        yield Mistake(1, 1, "is nested too deeply or holds what is not text: write it simpler")
    syntax = False
    for line, column, message in placed:
        if "Syntax error" in message and syntax:
            continue  # what follows the first one is only its echo
        syntax = syntax or "Syntax error" in message
        yield Mistake(int(line), int(column), _in_words(text, int(line), int(column), message))


def _in_words(text: str, line: int, column: int, message: str) -> str:
    undeclared, overload = _UNDECLARED.search(message), _OVERLOAD.search(message)
    if undeclared is not None:
        return f"there is no {undeclared[1]!r}{alternatives(undeclared[1], VARIABLES)}"
    if overload is not None:
        return _mismatch(overload[1], overload[2])
    if "invalid int literal" in message:
        return "a whole number beyond 64 bits: write a smaller one"
    if "Syntax error" in message:
        rest = (text.splitlines() or [""])[min(line, len(text.splitlines()) or 1) - 1][column - 1 :]
        near = f"cannot be read from {rest[:20]!r} on" if rest.strip() else "ends too early"
        return f"{near}: write for example category == 'refund' && channel in ['phone', 'chat']"
    return message.removesuffix(" [INVALID_ARGUMENT]")


def _mismatch(operator: str, kinds: str) -> str:
    if set(kinds.split(", ")) == {"double", "int"}:
        return f"{operator} of a decimal and a whole number: write 100.0, not 100"
    return f"{operator} does not fit ({kinds}): compare things of one kind, texts in quotes"


_TEXT: Final = r"""(?:'[^'\\]*'|"[^"\\]*")"""
_QUOTED: Final = re.compile(_TEXT)
_COMPARED: Final = re.compile(
    rf"(?<![\w.'\"])({'|'.join(_WORDS)})\s*(?:==|!=|\bin\b)\s*({_TEXT}|\[[^\]]*\])"
)


def _unknown_words(text: str) -> Iterator[Mistake]:
    """Words that a variable never is: `category == 'refnd'` is a slip, not a condition."""
    for compared in _COMPARED.finditer(text):
        name = compared[1]
        for word in re.findall(_TEXT, compared[2]):
            said = word[1:-1]
            if said not in CHOICES[name] and not (name == "import_mode" and not said):
                before = text[: compared.start()]
                line, column = before.count("\n") + 1, compared.start() - before.rfind("\n")
                found = f"{name} is never {said!r}{alternatives(said, CHOICES[name])}"
                yield Mistake(line, column, found)
