"""Packs that are broken on purpose: the small sound pack, with one passage replaced."""

from __future__ import annotations

import tempfile
from pathlib import Path

from services.escalation.core.pack_calendars import calendar_problems
from services.packs import load_pack
from services.yaml_files import InvalidFileError

BROKEN = Path(__file__).parents[1] / "data" / "packs" / "broken"
SOUND = BROKEN / "base.yaml"
_RULE = "---\n"


def broken_text(case: Path) -> str:
    """The sound pack with the passage of the case's `- ` lines replaced by its `+ ` lines."""
    change = case.read_text(encoding="utf-8").partition(_RULE)[0].splitlines(keepends=True)
    old = "".join(line[2:] for line in change if line.startswith("- "))
    new = "".join(line[2:] for line in change if line.startswith("+ "))
    text = SOUND.read_text(encoding="utf-8")
    assert old in text, f"{case.name}: the sound pack has no such passage"
    return text.replace(old, new, 1)


def expected_messages(case: Path) -> list[str]:
    """What the case says that a person reads."""
    return case.read_text(encoding="utf-8").partition(_RULE)[2].splitlines()


def messages_of(case: Path) -> list[str]:
    """What a person reads of the broken pack: `pack.yaml:line: place: what to write`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pack.yaml"
        file.write_text(broken_text(case), encoding="utf-8")
        try:
            load_pack(file, [calendar_problems])
        except InvalidFileError as error:
            return [line.replace(f"{folder}/", "") for line in error.lines]
    return []
