"""`docs/lifecycle.md` is what the table generates."""

from __future__ import annotations

from pathlib import Path

from services.intake.core.lifecycle import page

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "generate it anew, as its first lines say"
