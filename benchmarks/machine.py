"""What the machine says of itself and of processes: cores, load, CPU seconds, memory.

Reads `/proc`, so Linux only.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
BUSY_LOAD_PER_CORE: Final = 0.5
"""From this load per core on, others shared the machine."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU seconds since its start, resident memory in MiB now."""

    cpu_s: float
    rss_mib: float


def usage(pid: int) -> Usage:
    """Of one process with all its threads. Raises `OSError` when there is none."""
    # The name in parentheses may hold anything; fields count from after it (proc_pid_stat(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(cpu_s, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def load_per_core() -> float:
    """The load of the last minute on each core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def memory_mib() -> int:
    """What the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20


def description() -> str:
    """The machine by what it is, never by its name."""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory_mib() / 1024:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
