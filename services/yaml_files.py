"""YAML as people write it: plain data, the line of each place, and errors in their words.

Owns what may stand in a file of ours at all: text in UTF-8, no key twice, no dates or tags that
change under the hand, nothing that grows beyond bounds when it is laid out. What the data means
is the business of whoever reads it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.reader import ReaderError

from schemas.pack_checks import PackProblem, Place

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_LARGEST: Final = 4_000_000
_MOST_PLACES: Final = 500_000
_DEEPEST: Final = 60
_LONGEST_LINE: Final = 800
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError)
"""What PyYAML raises beside its own errors on values such as `!!int x` or `!!float [a]`."""


def _readable(line: str) -> str:
    """One line that a person reads, whatever the names are that it quotes."""
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 3] + "..."


class InvalidFileError(ValueError):
    """A file that people wrote cannot be used; every line is `file:line: what is wrong`."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(map(_readable, lines))
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as plain data, and the line on which each place of it stands."""

    path: Path
    plain: Any
    lines: Mapping[Place, int]
    aliases: Mapping[Place, Place]
    """Where what an alias stands for was written."""

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it; lines count from 1."""
        written = self._written(place)
        for length in range(len(written), -1, -1):
            line = self.lines.get(written[:length])
            if line is not None:
                return line
        return 1

    def error(self, problems: Iterable[PackProblem]) -> InvalidFileError:
        """The error that names each problem with this file and its line, in the file's order."""
        inside = sorted(problems, key=lambda problem: self.line_of(problem.place))
        return InvalidFileError(dict.fromkeys(self.lines_about(inside)))

    def _written(self, place: Place) -> Place:
        for length in range(len(place), 0, -1):
            if place[:length] in self.aliases:
                return self._written((*self.aliases[place[:length]], *place[length:]))
        return place

    def lines_about(self, problems: Iterable[PackProblem]) -> Iterator[str]:
        """Each problem as `file:line: place: what is wrong`."""
        for place, message in problems:
            written = self._written(place)
            name = ".".join(map(str, written))
            where = f"{self.path}:{self.line_of(place)}: "
            yield where + (f"{name}: " if name else "") + message


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 2026-10-01 stays text, and a key that stands twice is noted."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[int, str]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a list or mapping stands where a key is wanted: write a word",
                    problem_mark=key.start_mark,
                )
            if key.value in seen:
                self.twice.append((key.start_mark.line + 1, key.value))
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(file: Path) -> Document:
    """A YAML file with the line of each place. Raises `InvalidFileError`."""
    text = _text_of(file)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        survey = _Survey()
        if node is not None:
            survey.walk(node, ())
        plain = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidFileError([f"{file}:{line}: {_in_words(error.problem)}"]) from error
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        found = "holds a character that YAML does not allow: remove it"
        raise InvalidFileError([f"{file}:{line}: {found}"]) from error
    except RecursionError as error:
        raise InvalidFileError([f"{file}:1: is nested too deeply: write it flatter"]) from error
    except (yaml.YAMLError, *_UNREADABLE) as error:
        found = f"not YAML: {' '.join(str(error).split())[:200]}"
        raise InvalidFileError([f"{file}:1: {found}"]) from error
    if loader.twice:
        raise InvalidFileError(
            f"{file}:{line}: key {key!r} stands twice: keep one" for line, key in loader.twice
        )
    return Document(path=file, plain=plain, lines=survey.lines, aliases=survey.aliases)


def _text_of(file: Path) -> str:
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidFileError([f"{file}:1: has over {_LARGEST:,} bytes: this is no such file"])
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidFileError([f"{file}:1: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        found = "is not text in UTF-8: save it as UTF-8"
        raise InvalidFileError([f"{file}:{line}: {found}"]) from error


@dataclass
class _Survey:
    """The line of every place, noted once, and the place that each alias stands for.

    An alias costs a few letters and may stand for a file's worth of data, which may hold aliases
    again: what everything comes to when it is laid out is counted before anybody lays it out.
    """

    lines: dict[Place, int] = field(default_factory=dict)
    aliases: dict[Place, Place] = field(default_factory=dict)
    _sizes: dict[int, tuple[int, Place]] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def walk(self, node: yaml.Node, place: Place) -> int:
        """How many places stand in the node, aliases laid out."""
        self.lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in self._open:
            raise _at(node, "what stands here holds itself: write it out")
        if id(node) in self._sizes:
            size, self.aliases[place] = self._sizes[id(node)]
            return size
        if len(place) > _DEEPEST:
            raise _at(node, f"is nested more than {_DEEPEST} deep: write it flatter")
        self._open.add(id(node))
        size = 1 + sum(self.walk(inner, (*place, step)) for step, inner in self._steps(node, place))
        self._open.discard(id(node))
        if size > _MOST_PLACES:
            raise _at(node, f"comes to over {_MOST_PLACES:,} values with its aliases laid out")
        self._sizes[id(node)] = size, place
        return size

    def _steps(self, node: yaml.Node, place: Place) -> Iterator[tuple[str | int, yaml.Node]]:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    self.lines[(*place, key.value)] = key.start_mark.line + 1
                    yield _text(key), value
        elif isinstance(node, yaml.SequenceNode):
            yield from enumerate(node.value)
        elif isinstance(node, yaml.ScalarNode):
            _text(node)


def _text(node: yaml.ScalarNode) -> str:
    value = str(node.value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _at(node, "holds half a character (\\ud800 to \\udfff): write it whole") from error
    return value


def _at(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


_PROBLEMS: Final = {
    "cannot start any token": "a tab or a sign such as @ or ` begins here: indent with spaces, "
    "put the text in quotes",
    "mapping values are not allowed here": "a second `:` in one line: put the text in quotes, "
    "or begin a new line",
    "expected <block end>": "this line is not aligned with its neighbours, or a quote before it "
    "is not closed",
    "could not find expected ':'": "a key without `:`: write `key: value`",
    "found unexpected end of stream": "a quote is not closed: close it",
    "expected ',' or": "a bracket is not closed, or a comma is missing, before this line",
    "could not determine a constructor": "a tag (!...) means nothing here: remove it",
    "expected a single document": "a second document (---) begins: keep one per file",
}


def _in_words(problem: str | None) -> str:
    said = " ".join((problem or "not YAML").split())
    alias = re.search(r"found undefined alias '?([^' ]+)'?", said)
    if alias is not None:
        return f"there is no &{alias[1]} before *{alias[1]}: write it out, or name it first"
    return next((words for part, words in _PROBLEMS.items() if part in said), said)
