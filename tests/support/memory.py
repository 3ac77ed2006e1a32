"""What a process has in memory, and by how much it may grow under bad input."""

from __future__ import annotations

import os
from pathlib import Path

GROWTH_BYTES = 100 * 1024 * 1024


def resident_bytes(pid: int) -> int:
    """What a process has in memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
