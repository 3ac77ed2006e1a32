"""The system account of a child that refuses to run as root, and what it must be able to reach."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.local.faults import StartFailed


@dataclass(frozen=True, slots=True)
class Account:
    """A system account, by its numbers."""

    uid: int
    gid: int


def own_account(name: str) -> Account | None:
    """When we are root: the account of this name, made if missing. Otherwise None: stay who we are.

    Raises StartFailed.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        _add_account(name)
        entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid)


def let_others_pass(path: Path) -> None:
    """Let other accounts walk through (not list) the folders above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def open_to_others(program: Path) -> None:
    """Let other accounts read and run an installed program's folder."""
    let_others_pass(program)
    if not program.stat().st_mode & stat.S_IROTH:
        subprocess.run(["chmod", "-R", "go+rX", str(program)], check=True)


def _add_account(name: str) -> None:
    command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", name]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StartFailed(f"account {name} is missing and cannot be made: {error}") from error
