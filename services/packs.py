"""Reads policy packs from files, with errors that name file, line and remedy.

Owns the pinned holiday files that a pack `uses`, and the digest: SHA-256 over the canonical JSON
of the whole pack, holidays inlined. Never decides what a pack means.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from schemas.pack import Pack
from schemas.pack_checks import PackProblem, Place, cross_check
from schemas.pack_regimes import regime_problems
from services.file_mistakes import FILLERS, mistakes_of, steps_of
from services.pack_parts import whole
from services.yaml_files import Document, InvalidFileError, read_yaml

SHIPPED_PACKS: Final = Path(__file__).resolve().parent.parent / "packs"
DEFAULT_PACK: Final = SHIPPED_PACKS / "wallet-default"
Check = Callable[[Pack], Iterable[PackProblem]]


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A checked pack, its digest (`sha256:...`) and the canonical JSON that the digest covers."""

    pack: Pack
    digest: str
    canonical_json: str


def load_pack(path: Path, also: Sequence[Check] = ()) -> LoadedPack:
    """The pack in a folder (its `pack.yaml`) or file, checked, by `also` too.

    Raises `InvalidFileError` with every mistake that can be seen at once.
    """
    document = pack_document(path)
    pack, mistakes = _read(document)
    if pack is not None:
        told = {mistake.place for mistake in mistakes}
        for check in (cross_check, regime_problems, *also):
            mistakes += [mistake for mistake in check(pack) if not _is_told(mistake, told)]
    if pack is None or mistakes:
        raise document.error(mistakes)
    return pinned(pack)


def load_packs(folders: Sequence[Path], also: Sequence[Check] = ()) -> tuple[LoadedPack, ...]:
    """Several packs in the order in which a case is offered to them; the shipped one for none.

    Raises `InvalidFileError` with the mistakes of all.
    """
    loaded: list[LoadedPack] = []
    mistakes: list[str] = []
    for folder in folders or (DEFAULT_PACK,):
        try:
            loaded.append(load_pack(folder, also))
        except InvalidFileError as error:
            mistakes += error.lines
    if mistakes:
        raise InvalidFileError(mistakes)
    return tuple(loaded)


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


def _read(document: Document) -> tuple[Pack | None, list[PackProblem]]:
    """The pack and its mistakes; with mistakes the pack, if any, is what is left without them."""
    plain = document.plain
    if not isinstance(plain, dict):
        return None, [PackProblem((), "a pack is a mapping: begin with `name:`")]
    if "holiday_files" in plain:
        found = "the loader fills this in: name holiday files with calendars.<name>.uses"
        return None, [PackProblem(("holiday_files",), found)]
    written = whole(document)
    laid_out = {**written, "holiday_files": _holiday_files(written, document.path.parent)}
    try:
        return Pack.model_validate(laid_out), []
    except ValidationError as error:
        mistakes = list(mistakes_of(error, Pack, written))
    return _left_without(laid_out, [mistake.place for mistake in mistakes]), mistakes


def _left_without(plain: Mapping[str, Any], places: Iterable[Place]) -> Pack | None:
    """The pack with these mistakes out of the way, so that its others are found too; or None.

    Keys are dropped. What cannot be missing is filled in, with a value that says nothing new.
    """
    rest = copy.deepcopy(dict(plain))
    try:
        for place in places:
            _amend(rest, place)
        return Pack.model_validate(rest)
    except ValidationError as error:
        for found in error.errors():
            if found["type"] == "missing":
                _amend(rest, found["loc"])
    try:
        return Pack.model_validate(rest)
    except ValidationError:
        return None


def _amend(plain: dict[str, Any], place: Place) -> None:
    at: Any = plain
    for step in place[:-1]:
        at = at[step] if step in steps_of(at) else None
    if isinstance(at, dict) and place:
        at.pop(place[-1], None)
        if place[-1] in FILLERS:
            at[place[-1]] = FILLERS[str(place[-1])]


def _is_told(mistake: PackProblem, told: Collection[Place]) -> bool:
    """Whether it stands at, or inside, a place that something was said of already."""
    return any(mistake.place[: len(place)] == place for place in told)


def _holiday_files(plain: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The files named by `uses`, looked for beside the pack, then among the shipped ones."""
    calendars = plain.get("calendars")
    rules = calendars.values() if isinstance(calendars, dict) else ()
    names = {
        name
        for rule in rules
        if isinstance(rule, dict) and isinstance(rule.get("uses"), list)
        for name in rule["uses"]
        if isinstance(name, str) and Path(name).name == name
    }
    found = ((name, _holiday_file(name, folder)) for name in sorted(names))
    return {name: read_yaml(file).plain for name, file in found if file is not None}


def _holiday_file(name: str, folder: Path) -> Path | None:
    homes = (folder / "calendars", folder.parent / "calendars", SHIPPED_PACKS / "calendars")
    candidates = (home / f"{name}.yaml" for home in homes)
    return next((file for file in candidates if file.is_file()), None)
