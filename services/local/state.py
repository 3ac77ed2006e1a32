"""The state folder of one local stack: its lock, its secrets, and the description of a running one.

Everything secret has mode 0600. Never shared by two running stacks.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from services.local.faults import StartFailed
from services.local.ports import RememberedPorts

DEFAULT_STATE: Final = Path("var")
MASTER_KEY_BYTES: Final = 32
_STACK_FILE: Final = "stack.json"


class StateInUse(StartFailed):
    """Another stack runs on this state folder."""


class StateFolder:
    """One state folder; created when it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        self.logs = self.path / "logs"
        self.logs.mkdir(exist_ok=True)
        self.evidence = self.path / "evidence"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; StateInUse when another one holds it.

        The kernel frees the lock when its holder dies, however it dies.
        """
        with (self.path / "lock").open("a") as lock_file:
            try:
                fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StateInUse(f"another stack runs on {self.path}") from error
            yield

    def put_logs_aside(self) -> None:
        """Keep the logs of the run before as `*.log.before`; each run starts new ones."""
        for log_file in self.logs.glob("*.log"):
            log_file.replace(log_file.with_name(log_file.name + ".before"))

    def ports(self) -> RememberedPorts:
        """The ports that this folder's stack had before."""
        return RememberedPorts(self.path / "ports.json")

    def passwords(self, roles: tuple[str, ...]) -> dict[str, str]:
        """A password for each database role, made once and kept."""
        file = self.path / "passwords.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        missing = {role: secrets.token_urlsafe(18) for role in roles if role not in known}
        if missing:
            write_private(file, json.dumps(known | missing, indent=2))
        return known | missing

    def master_key_file(self) -> Path:
        """The file with the master key (base64 of 32 random bytes), made once and kept."""
        file = self.path / "master.key"
        if not file.exists():
            write_private(file, base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode())
        return file

    @contextlib.contextmanager
    def described(self, description: Mapping[str, Any]) -> Iterator[None]:
        """Keep the description of the running stack in the folder, for other commands."""
        file = self.path / _STACK_FILE
        write_private(file, json.dumps(description, indent=2))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def read_description(state: Path) -> dict[str, Any] | None:
    """The description of the stack that runs on this folder; None when none runs."""
    folder = state.expanduser().resolve()
    file = folder / _STACK_FILE
    if not file.exists() or not _is_locked(folder / "lock"):
        return None
    description: dict[str, Any] = json.loads(file.read_text())
    return description


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, as a whole or not at all."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.replace(file)


def _is_locked(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("r") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
