"""Intake on a database of its own, at 10:00 in Shanghai on 20 November 2026."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from services.packs import DEFAULT_PACK
from tests.support.intake import TEN, Intake
from tests.support.intake import intake as running


@pytest.fixture
async def intake(dsns: dict[str, str]) -> AsyncIterator[Intake]:
    """One replica."""
    async with running(dsns) as replica:
        await replica.set_clock(TEN)
        yield replica


@pytest.fixture
def pack_by_category(tmp_path: Path) -> str:
    """The shipped pack, under which contacts of one category are one case for four hours."""
    folder = shutil.copytree(DEFAULT_PACK, tmp_path / "pack")
    text = (folder / "pack.yaml").read_text(encoding="utf-8")
    changed = text.replace("collapse_category_window: PT0S", "collapse_category_window: PT4H")
    assert changed != text
    (folder / "pack.yaml").write_text(changed, encoding="utf-8")
    return str(folder)


@pytest.fixture
async def by_category(dsns: Mapping[str, str], pack_by_category: str) -> AsyncIterator[Intake]:
    """One replica under that pack."""
    async with running(dsns, packs=pack_by_category) as replica:
        await replica.set_clock(TEN)
        yield replica
