"""Whose a lease is: a process that died on this host need not be waited for.

Owns the format of a lease's owner, `<host>:<pid>:<random>`. Leases of other hosts end by
themselves.
"""

from __future__ import annotations

import os
import random
import socket


def own() -> str:
    """This process; another one that later gets its number is another owner."""
    return f"{socket.gethostname()}:{os.getpid()}:{random.getrandbits(32):08x}"


def is_dead(owner: str, me: str) -> bool:
    """Whether a lease's owner ran on this host and is gone."""
    host, pid, _ = owner.rsplit(":", 2)
    my_host, my_pid, _ = me.rsplit(":", 2)
    if owner == me or host != my_host:
        return False
    return pid == my_pid or not _runs(int(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
