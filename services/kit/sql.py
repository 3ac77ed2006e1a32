"""Named SQL: statements live in `.sql` files, are found by name, and are reviewed as SQL.

A file is `-- name: lock_case`, a line or more of description, the statement. Owns the reading;
never builds a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)$", re.MULTILINE)


class Queries(Mapping[str, str]):
    """The statements of one file by name. Raises `ValueError` on a name that is there twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._statements = dict(_split(path))

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def _split(path: Path) -> Iterator[tuple[str, str]]:
    text = path.read_text()
    seen: set[str] = set()
    heads = list(_NAME.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        name = head["name"]
        if name in seen:
            raise ValueError(f"{path.name}: the name {name} is there twice")
        seen.add(name)
        yield name, text[head.end() : following.start() if following else len(text)].strip()
