"""Tables of commands: what they show can be copied."""

from __future__ import annotations

import pytest

from services.cli.operators import print_rows

_ID = "0190f3a0-5c1e-7000-8000-000000000001"


def test_an_id_is_whole_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    print_rows([{"id": _ID}], ("id",), as_json=False)
    shown = capsys.readouterr().out
    assert _ID in "".join(shown.translate(str.maketrans("│┃", "  ")).split())
