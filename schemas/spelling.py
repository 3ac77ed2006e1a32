"""What somebody probably meant: the words that may stand where a wrong one stands.

Owns how alternatives are worded: the nearest word where one is near, else all that may stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_MANY: Final = 24
_LONGEST: Final = 80
"""Comparing takes time by length squared, and what is longer is no slip of a known word."""


def alternatives(word: str, known: Iterable[str]) -> str:
    """`: write X` where X is near, else `: write one of ...`; nothing where nothing is known."""
    choice = sorted(known)
    near = get_close_matches(word, choice, n=1, cutoff=0.75) if len(word) <= _LONGEST else []
    if near:
        return f": write {near[0]}"
    if not choice or len(choice) > _MANY:
        return ""
    return f": write one of {', '.join(choice)}"
