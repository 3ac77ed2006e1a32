"""The how-to about packs is true: its files are written, its commands run, its answers compared.

`make goldens` writes the answers anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.packs import SHIPPED_PACKS

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "policy.md"
_BLOCK = re.compile(r"^```(yaml|console)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STRANGER = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "Eva" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "eva@pocket.example" for who in ("AUTHOR", "COMMITTER")},
}


def played(page: str, folder: Path) -> str:
    """The page with the answers that its commands give today."""

    def play(block: re.Match[str]) -> str:
        kind, name, text = block.groups()
        if kind == "yaml":
            if name is not None:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            return block[0]
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        answers = (f"$ {command}\n{answer(command, folder)}" for command in commands)
        return f"```console\n{''.join(answers)}```"

    return _BLOCK.sub(play, page)


def answer(command: str, folder: Path) -> str:
    """What a person sees of a command, both streams."""
    here = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ
        | _STRANGER
        | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "PACKS": str(SHIPPED_PACKS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="the page shows a merge: it needs git")
def test_every_command_of_the_page_answers_what_stands_there(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    today = played(page, tmp_path)
    if os.environ.get("RECOURSE_WRITE_GOLDENS"):
        PAGE.write_text(today, encoding="utf-8")
    assert today == PAGE.read_text(encoding="utf-8")


def test_the_page_has_ten_steps() -> None:
    steps = re.findall(r"^## (\d+)\. ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert steps == [str(number) for number in range(1, 11)]
