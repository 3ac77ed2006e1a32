"""Prints the part of requirements.lock that some packages need, hashes and all.

    python deploy/locked.py                 what pyproject.toml's own dependencies need: production
    python deploy/locked.py hatchling       what hatchling needs

Run in the folder of both files, by the image's build: a production image has no test tools, and no
second lock has to be kept. Reads uv's `# via` notes, which name who wants a package; should one be
wrong, pip's --require-hashes refuses to install what is not listed. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==")
_VIA = re.compile(r"^ +# (?:via |  )(?P<parent>[A-Za-z0-9._-]+)")


def canonical(name: str) -> str:
    """A package's name as all spell it; extras, versions and markers are cut off."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name, maxsplit=1)[0]).lower()


def entries(lock: str) -> dict[str, list[str]]:
    """The lines of each package of a lock, by its name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in lock.splitlines():
        if pinned := _PINNED.match(line):
            lines = found.setdefault(canonical(pinned["name"]), [])
        lines.append(line)
    return found


def needed(lock: dict[str, list[str]], roots: Iterable[str]) -> set[str]:
    """The roots, and all whose notes name one of them, or one of those, and so on."""
    parents = {
        name: {canonical(via["parent"]) for line in lines if (via := _VIA.match(line))}
        for name, lines in lock.items()
    }
    found = {canonical(root) for root in roots}
    while more := {name for name, wanted_by in parents.items() if wanted_by & found} - found:
        found |= more
    return found


def main(names: list[str]) -> None:
    """Print the lines. Ends with the names that the lock does not have, if there are any."""
    lock = entries(Path("requirements.lock").read_text())
    roots = names or tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    wanted = needed(lock, roots)
    if unknown := sorted(wanted - set(lock)):
        sys.exit(f"not in requirements.lock: {', '.join(unknown)}")
    for name in sorted(wanted):
        print(*lock[name], sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
