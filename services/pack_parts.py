"""Makes a pack whole before it is checked: what it extends, and the regimes that it names.

Owns: where these parts lie and how they are laid together. The digest covers the whole. Never
decides what a part means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.pack_checks import PackProblem
from services.regimes import load_regime
from services.yaml_files import Document, InvalidFileError, read_yaml

_SHIPPED: Final = Path(__file__).resolve().parent.parent / "packs"
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
_OWN: Final = frozenset({"extends", "regime_files"})
"""Keys that mean something to the loader only."""


def whole(document: Document) -> dict[str, Any]:
    """The pack of a file, with what it extends under it and its regimes and their calendars in it.

    Raises `InvalidFileError`.
    """
    if "regime_files" in document.plain:
        found = "the loader fills this in: name regimes with `regimes`"
        raise document.error([PackProblem(("regime_files",), found)])
    plain = _extended(document, frozenset({document.path.resolve()}))
    named = plain.get("regimes")
    if not isinstance(named, list):
        return plain
    plain["regimes"] = [_spelt_out(rule) for rule in named]
    return _with_regimes(plain, document.path.parent)


def _extended(document: Document, seen: frozenset[Path]) -> dict[str, Any]:
    """The pack laid over the one it extends: mappings key by key, everything else whole."""
    own = {name: value for name, value in document.plain.items() if name not in _OWN}
    name = document.plain.get("extends")
    if name is None:
        return own
    found = _pack_file(str(name), document.path.parent)
    if found is None or found.resolve() in seen:
        told = f"there is no pack {name!r} to extend" if found is None else "extends itself"
        raise document.error([PackProblem(("extends",), told)])
    below = read_yaml(found)
    if not isinstance(below.plain, dict):
        raise below.error([PackProblem((), "a pack is a mapping: begin with `name:`")])
    return _laid_over(_extended(below, seen | {found.resolve()}), own)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    laid = dict(below)
    for name, value in above.items():
        under = laid.get(name)
        merged = isinstance(under, dict) and isinstance(value, dict)
        laid[name] = _laid_over(under or {}, value) if merged else value
    return laid


def _spelt_out(rule: Any) -> Any:
    return {"use": rule} if isinstance(rule, str) else rule


def _with_regimes(plain: dict[str, Any], folder: Path) -> dict[str, Any]:
    named = [rule.get("use") for rule in plain["regimes"] if isinstance(rule, dict)]
    names = sorted({name for name in named if isinstance(name, str)})
    files = {name: _regime_file(name, folder) for name in names}
    regimes = {name: load_regime(file) for name, file in files.items() if file is not None}
    calendars = plain.get("calendars", {})
    if isinstance(calendars, dict):  # whatever else it is, the pack's own checks say so
        wanted = {regime.calendar for regime in regimes.values()} - calendars.keys()
        calendars = {**calendars, **{name: _calendar_of(name, folder) for name in sorted(wanted)}}
    inlined = {name: regime.model_dump(mode="json") for name, regime in regimes.items()}
    return {**plain, "calendars": calendars, "regime_files": inlined}


def _calendar_of(name: str, folder: Path) -> dict[str, Any]:
    """The calendar that a pinned file makes by itself: its hours, its zone, its days."""
    file = _beside(f"calendars/{name}.yaml", folder)
    if file is None:
        raise InvalidFileError(
            [f"{folder / 'calendars' / name}.yaml:1: is missing: a regime counts by it"]
        )
    document = read_yaml(file)
    pinned = document.plain
    if not isinstance(pinned, dict) or not {"timezone", "hours"} <= pinned.keys():
        raise document.error([PackProblem((), "a calendar says its `timezone` and its `hours`")])
    return {"time_zone": pinned["timezone"], "weekly": pinned["hours"], "uses": [name]}


def _regime_file(name: str, folder: Path) -> Path | None:
    return _beside(f"regimes/{name}.yaml", folder) if _NAME.match(name) else None


def _pack_file(name: str, folder: Path) -> Path | None:
    return _beside(f"{name}/pack.yaml", folder) if _NAME.match(name) else None


def _beside(part: str, folder: Path) -> Path | None:
    """A part beside the pack, then beside its folder, then among the shipped ones.

    Names lead nowhere else: one with a slash or dots in it is none.
    """
    homes = (folder, folder.parent, _SHIPPED)
    return next((home / part for home in homes if (home / part).is_file()), None)
