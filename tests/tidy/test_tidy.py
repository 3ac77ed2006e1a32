"""The house rules that no linter knows: sizes, banned names, machine paths, settings explained."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE_LINES, FUNCTION_LINES = 250, 40


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows or would add; every file where there is no git (a source archive)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n") if listed.returncode == 0 else []
    return sorted({ROOT / name for name in names if name and (ROOT / name).is_file()})


SOURCES = tracked("services/*.py", "schemas/*.py", "benchmarks/*.py", "examples/*.py")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_and_docstrings(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert text.count("\n") <= MODULE_LINES, "a module fits the head of one reader"
    too_long = [f"{f.name} {lines_of(f)}" for f in functions(tree) if lines_of(f) > FUNCTION_LINES]
    assert not too_long
    if text.strip():
        assert ast.get_docstring(tree), "a module says what it owns"


def test_no_name_that_says_nothing() -> None:
    banned = {"utils", "util", "common", "helpers", "misc", "manager", "base"}
    assert not [path for path in SOURCES if path.stem in banned]


def test_no_machine_path_and_no_registry_in_the_repository() -> None:
    registries = "|".join(
        ["py" + "pi.org", "python" + "hosted", "npm" + "js.org", "crates" + ".io"]
    )
    paths = r"(?<![\w.])/(?:wo" + r"rk|fa" + r"rm)/[a-z]"
    found = re.compile(f"{registries}|{paths}")
    texts = (
        *(".py", ".md", ".yml", ".yaml", ".toml", ".lock", ".xml", ".cfg", ".env", ".json", ".sh"),
        *("Makefile", "Dockerfile", ".dockerignore", "run"),
    )
    bad = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.name.endswith(texts) and found.search(path.read_text(errors="replace"))
    ]
    assert bad == []


def test_only_the_bus_subscribes_and_only_the_outlet_produces() -> None:
    """FastStream's and aiokafka's defaults lose messages; their policies are set in one place."""
    allowed = {"services/kit/bus.py": "subscriber", "services/kit/outlet.py": "AIOKafkaProducer"}
    for path in tracked("services/*.py"):
        name = str(path.relative_to(ROOT))
        text = path.read_text()
        for owner, word in allowed.items():
            used = re.search(rf"\b(?:broker\.)?{word}\(", text)
            assert not used or name == owner or name.startswith("services/local/"), name


def test_every_setting_is_explained() -> None:
    """`deploy/env/example.env` names each variable that any process reads."""
    from services.escalation.settings import EscalationSettings
    from services.front.settings import FrontSettings
    from services.ground.settings import DatabaseSettings
    from services.intake.settings import IntakeSettings
    from services.kit.settings import CallerSettings
    from services.notifier.settings import NotifierSettings

    example = (ROOT / "deploy/env/example.env").read_text()
    explained = set(re.findall(r"^#?\s*(RECOURSE_[A-Z_]+)=", example, re.MULTILINE))
    wanted = {
        f"RECOURSE_{name.upper()}"
        for settings in (
            IntakeSettings,
            EscalationSettings,
            NotifierSettings,
            FrontSettings,
            DatabaseSettings,
            CallerSettings,
        )
        for name in settings.model_fields
    }
    assert wanted - explained == set()
    assert explained - wanted - {f"{name}_FILE" for name in wanted} == set()


def test_the_documents_link_to_what_exists() -> None:
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in tracked("*.md")
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_adrs_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in tracked("docs/adr/[0-9]*.md")]
    assert numbers == list(range(1, len(numbers) + 1))
