"""Levels of warning: which one a percentage has reached.

Owns: the rule that a level is entered at its threshold, at once also past several, never
repeated and never lowered. Level 1 belongs to the first threshold; 0 is none.
"""

from collections.abc import Sequence


def level_reached(percent: float, thresholds: Sequence[float], current: int) -> int | None:
    """The level to go to, or None when `current` is not exceeded."""
    reached = sum(1 for threshold in thresholds if percent >= threshold)
    return reached if reached > current else None


def raised(current: int, requested: int) -> int:
    """The level after a request; a request never lowers it."""
    return max(current, requested)
