"""Reads policy packs and other YAML from files, with errors that name file, line and remedy.

Owns: YAML (no implicit dates, no duplicate keys), the pinned holiday files that a pack `uses`,
and the digest: SHA-256 over the canonical JSON of the whole pack, holidays inlined. Never
decides what a pack means.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from schemas.pack import Pack
from schemas.pack_checks import PackProblem, Place, cross_check

SHIPPED_PACKS: Final = Path(__file__).resolve().parent.parent / "packs"
DEFAULT_PACK: Final = SHIPPED_PACKS / "wallet-default"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class InvalidFileError(ValueError):
    """A file that people wrote cannot be used; every line is `file:line: what is wrong`."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A checked pack, its digest (`sha256:...`) and the canonical JSON that the digest covers."""

    pack: Pack
    digest: str
    canonical_json: str


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as plain data, and the line on which each place of it stands."""

    path: Path
    plain: Any
    lines: Mapping[Place, int]

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it; lines count from 1."""
        for length in range(len(place), -1, -1):
            line = self.lines.get(place[:length])
            if line is not None:
                return line
        return 1

    def error(self, problems: Iterable[PackProblem]) -> InvalidFileError:
        """The error that names each problem with this file and its line."""
        return InvalidFileError(self.lines_about(problems))

    def lines_about(self, problems: Iterable[PackProblem]) -> Iterator[str]:
        """Each problem as `file:line: place: what is wrong`."""
        for problem in problems:
            place = ".".join(map(str, problem.place))
            yield f"{self.path}:{self.line_of(problem.place)}: {place}: {problem.message}"


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 2026-10-01 stays text, and a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} stands twice: keep one", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_pack(path: Path) -> LoadedPack:
    """The pack in a folder (its `pack.yaml`) or file. Raises `InvalidFileError`."""
    document = pack_document(path)
    plain = document.plain
    if not isinstance(plain, dict):
        raise document.error([PackProblem((), "a pack is a mapping: begin with `name:`")])
    if "holiday_files" in plain:
        found = "the loader fills this in: name holiday files with calendars.<name>.uses"
        raise document.error([PackProblem(("holiday_files",), found)])
    pack = _validated(
        document, {**plain, "holiday_files": _holiday_files(document, document.path.parent)}
    )
    problems = list(cross_check(pack))
    if problems:
        raise document.error(problems)
    return pinned(pack)


def pack_document(path: Path) -> Document:
    """The YAML of a pack in a folder or file. Raises `InvalidFileError`."""
    return read_yaml(path / "pack.yaml" if path.is_dir() else path)


def pinned(pack: Pack) -> LoadedPack:
    """A pack with its digest; the same pack always has the same one."""
    text = canonical(pack.model_dump(mode="json"))
    return LoadedPack(pack=pack, digest=digest_of(text), canonical_json=text)


def canonical(plain: Any) -> str:
    """The one JSON text of plain data."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    """The digest of a canonical text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def read_yaml(file: Path) -> Document:
    """A YAML file with the line of each place. Raises `InvalidFileError`."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        plain = loader.construct_document(node) if node is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFileError([f"{file}:1: cannot be read: {error}"]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidFileError([f"{file}:{line}: {error.problem or 'not YAML'}"]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidFileError([f"{file}:1: not YAML: {error}"]) from error
    lines: dict[Place, int] = {}
    if node is not None:
        _note_lines(node, (), lines, set())
    return Document(path=file, plain=plain, lines=lines)


def _note_lines(node: yaml.Node, place: Place, lines: dict[Place, int], seen: set[int]) -> None:
    """Notes every place once; what an alias repeats is known by the alias's own line."""
    lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*place, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*place, key.value), lines, seen)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _note_lines(item, (*place, position), lines, seen)


def _validated(document: Document, plain: Mapping[str, Any]) -> Pack:
    try:
        return Pack.model_validate(plain)
    except ValidationError as error:
        problems = [PackProblem(found["loc"], found["msg"]) for found in error.errors()]
        raise document.error(problems) from error


def _holiday_files(document: Document, folder: Path) -> dict[str, Any]:
    """The files named by `uses`, looked for beside the pack, then among the shipped ones."""
    calendars = document.plain.get("calendars")
    rules = calendars.values() if isinstance(calendars, dict) else ()
    names = {
        name
        for rule in rules
        if isinstance(rule, dict) and isinstance(rule.get("uses"), list)
        for name in rule["uses"]
        if isinstance(name, str)
    }
    found = ((name, _holiday_file(name, folder)) for name in sorted(names))
    return {name: read_yaml(file).plain for name, file in found if file is not None}


def _holiday_file(name: str, folder: Path) -> Path | None:
    homes = (folder / "calendars", folder.parent / "calendars", SHIPPED_PACKS / "calendars")
    candidates = (home / f"{name}.yaml" for home in homes)
    return next((file for file in candidates if file.is_file()), None)
