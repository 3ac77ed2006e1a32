"""Reads regimes from files, with errors that name file, line and remedy.

Owns: where regimes lie and which version is in force on a day. Never derives a date.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from schemas.pack_checks import PackProblem
from schemas.regime import Regime
from schemas.regime_checks import check_regime
from services.yaml_files import read_yaml

SHIPPED_REGIMES: Final = Path(__file__).resolve().parent.parent / "packs" / "regimes"


def load_regime(file: Path) -> Regime:
    """The regime in a file. Raises `InvalidFileError`."""
    document = read_yaml(file)
    try:
        regime = Regime.model_validate(document.plain)
    except ValidationError as error:
        problems = [PackProblem(found["loc"], found["msg"]) for found in error.errors()]
        raise document.error(problems) from error
    problems = list(check_regime(regime))
    if regime.name != file.stem:
        problems.append(PackProblem(("name",), f"the file is {file.name}: name it {file.stem}"))
    if problems:
        raise document.error(problems)
    return regime


def shipped_regimes() -> list[Regime]:
    """Every regime in `packs/regimes`, by name."""
    return [load_regime(file) for file in sorted(SHIPPED_REGIMES.glob("*.yaml"))]


def in_force(regimes: Iterable[Regime], code: str, received_on: date) -> Regime | None:
    """The version of a rule under which a complaint received on a local date falls."""
    day = received_on.isoformat()
    return next((each for each in regimes if each.code == code and each.in_force_on(day)), None)
