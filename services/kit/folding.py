"""Folds what a library says over and over into one line now and then, with how often it was said.

While a broker is away aiokafka complains some thirty times a second for each service. Only for the
loggers of libraries: what we say ourselves is said once where it happens.
"""

from __future__ import annotations

import logging
from typing import Final

EVERY_S: Final = 30.0
_REMEMBERED: Final = 500


class Folding(logging.Filter):
    """Lets a message through once in `every_s`; `folded` counts those held back since."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        super().__init__()
        self._every_s = every_s
        self._last: dict[tuple[str, str], float] = {}
        self._held: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write this record. Alike is what has the same first line before its values."""
        key = (record.name, str(record.msg).split("\n", 1)[0])
        last = self._last.get(key)
        if last is not None and record.created - last < self._every_s:
            self._held[key] = self._held.get(key, 0) + 1
            return False
        if len(self._last) >= _REMEMBERED:
            self._last.clear()
        self._last[key] = record.created
        record.folded = self._held.pop(key, 0)
        return True
