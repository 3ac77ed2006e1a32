"""What somebody probably meant: the words that may stand where a wrong one stands.

Owns how alternatives are worded: the nearest word where one is near, else all that may stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_MANY: Final = 40
_LONGEST: Final = 80
"""Comparing takes time by length squared, and what is longer is no slip of a known word."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word of which this one is a slip, if it is any."""
    if len(word) > _LONGEST:
        return None
    return next(iter(get_close_matches(word, sorted(set(known)), n=1, cutoff=0.75)), None)


def alternatives(word: str, known: Iterable[str]) -> str:
    """`: write X` where X is near, else `: write one of ...`; nothing where nothing is known."""
    choice = sorted(set(known))
    near = nearest(word, choice)
    if near is not None:
        return f": write {near}"
    if not choice or len(choice) > _MANY:
        return ""
    return f": write {choice[0]}" if len(choice) == 1 else f": write one of {', '.join(choice)}"
