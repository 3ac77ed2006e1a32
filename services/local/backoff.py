"""How long to wait before a process that died is started again. Pure."""

from __future__ import annotations

from typing import Final

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 10.0
STEADY_S: Final = 1.0
"""A process that was ready for this long does not die "again and again": it was hit at its work."""


def deaths_in_a_row(before: int, lived_s: float) -> int:
    """The count after one more death of a process that was ready for `lived_s` seconds."""
    return 1 if lived_s >= STEADY_S else before + 1


def restart_delay_s(deaths: int) -> float:
    """Seconds to wait after the given number (1 or more) of deaths in a row."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(deaths - 1, 30))
