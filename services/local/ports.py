"""TCP ports of the local stack: which are free, and which this state folder had before.

Never listens on anything but loopback.
"""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path
from typing import Final

from services.local.faults import StartFailed

LOOPBACK: Final = "127.0.0.1"
# Below the range from which kernels draw client ports: a port that is free for the second of a
# restart is not taken by a client, and no client connects to itself.
_CHOICE: Final = range(20_000, 32_000)
_TRIES: Final = 500


class NoFreePort(StartFailed):
    """No port could be bound on loopback."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    try:
        listen(port).close()
    except OSError:
        return False
    return True


def listen(port: int) -> socket.socket:
    """A bound and listening loopback socket; OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def free_port() -> int:
    """A port that nobody listens on; chosen at random, so that two stacks seldom meet."""
    for port in random.sample(_CHOICE, _TRIES):
        if is_free(port):
            return port
    raise NoFreePort(f"none of {_TRIES} ports tried on {LOOPBACK} is free")


class RememberedPorts:
    """Ports by name, kept in a file so that a restarted stack has the addresses it had before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def port(self, name: str) -> int:
        """The port of this name: the one it had, if free, else another; remembered."""
        known = self._ports.get(name)
        if known is None or not is_free(known):
            self._ports[name] = self._another()
            self._file.write_text(json.dumps(self._ports, indent=2))
        return self._ports[name]

    def _another(self) -> int:
        taken = set(self._ports.values())
        return next(port for port in iter(free_port, None) if port not in taken)
