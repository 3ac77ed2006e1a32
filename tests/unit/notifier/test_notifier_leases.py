"""Whose lease need not be waited for."""

from __future__ import annotations

import os
import subprocess
import sys

from services.notifier.leases import is_dead, own


def test_an_owner_is_dead_when_its_process_on_this_host_is_gone() -> None:
    me = own()
    host = me.rsplit(":", 2)[0]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_dead(me, me)
    assert is_dead(f"{host}:{ended.pid}:0", me)
    assert is_dead(f"{host}:{os.getpid()}:0", me)  # the number was given to us after it died
    assert not is_dead(f"{host}:{os.getppid()}:0", me)
    assert not is_dead(f"another-host:{ended.pid}:0", me)
