"""What a child does between fork and exec: change its account, tie its life to the supervisor's.

Runs in the child, so it does nothing but system calls.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from services.local.account import Account

_PR_SET_PDEATHSIG: Final = 1
# Loaded here: nothing may be loaded between fork and exec.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def child_setup(account: Account | None) -> Callable[[], None]:
    """The function to run in the child: on Linux it dies with the thread that started it."""
    parent = os.getpid()

    def setup() -> None:
        if account is not None:
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
        # After the change of account, which would clear it.
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return setup
