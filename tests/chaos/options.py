"""What a run of chaos can be told. Owns names and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of faults, `kills` in scenario kills; `size` scales what a scenario counts."""

    state: Path
    seed: int
    seconds: float
    kafka: str
    kills: int = 500
    rate: float | None = None
    size: float = 1.0
