"""JSON from strangers, read strictly: UTF-8, each name once, numbers that are numbers, some depth.

Owns what counts as JSON on both roads. Python's own reader takes the last of two names, NaN, other
encodings, and any depth that its stack allows. What it says names a place and never quotes a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, Final

MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 100


class NotJson(ValueError):
    """What is wrong, and where: a JSON pointer, empty for the whole."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}" if pointer else detail)
        self.pointer = pointer
        self.detail = detail


def read_json(raw: bytes) -> Any:
    """The value. Raises `NotJson`."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise NotJson("", "begins with a byte order mark; send UTF-8 without one")
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise NotJson("", f"is not UTF-8 at byte {error.start}") from error
    except _Twice:
        raise NotJson(_first_twice(raw), "stands twice in one object") from None
    except RecursionError:
        raise NotJson("", _TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise NotJson("", f"is not JSON at character {error.pos}: {error.msg}") from error
    except ValueError as error:
        raise NotJson("", f"is not JSON: {error}") from error
    _check(raw, value)
    return value


_TOO_DEEP: Final = f"is nested deeper than {MAX_DEPTH}"


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _short(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


_HOOKS: Final[dict[str, Any]] = {
    "parse_float": _finite,
    "parse_int": _short,
    "parse_constant": _no_constant,
}
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, **_HOOKS)


def _check(raw: bytes, value: Any) -> None:
    """Look at each value only where the bytes say that something may be wrong."""
    deep = raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
    if not deep and b"\\u0000" not in raw:
        return
    for pointer, depth, one in _walk("", 0, value):
        if depth > MAX_DEPTH:
            raise NotJson(pointer, _TOO_DEEP)
        if isinstance(one, str) and "\0" in one:
            raise NotJson(pointer, "holds a NUL character")


def _walk(pointer: str, depth: int, value: Any) -> Iterator[tuple[str, int, Any]]:
    yield pointer, depth, value
    if depth > MAX_DEPTH:
        return
    pairs: Any = ()
    if isinstance(value, dict):
        yield from ((pointer, depth, name) for name in value)
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for name, inner in pairs:
        yield from _walk(f"{pointer}/{_escaped(name)}", depth + 1, inner)


class _Pairs(list[tuple[str, Any]]):
    """An object whose names may stand twice."""


def _first_twice(raw: bytes) -> str:
    """Where a name stands for the second time; empty where what follows is no JSON either."""
    try:
        return next(_twice("", json.loads(raw, object_pairs_hook=_Pairs)), "")
    except (ValueError, RecursionError):
        return ""


def _twice(pointer: str, value: Any) -> Iterator[str]:
    seen: set[object] = set()
    pairs: Iterable[tuple[object, Any]] = enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, _Pairs):
        pairs = value
    for name, inner in pairs:
        here = f"{pointer}/{_escaped(name)}"
        if name in seen:
            yield here
        seen.add(name)
        yield from _twice(here, inner)


def _escaped(name: object) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
