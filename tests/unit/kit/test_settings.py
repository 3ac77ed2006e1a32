"""Settings come from variables or from the files that variables name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.kit.sealing import master_key_from
from services.kit.settings import Settings, read_settings


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("DATABASE_DSN", "KEYS_DSN", "KAFKA_BOOTSTRAP"):
        monkeypatch.setenv(f"RECOURSE_{name}", f"the {name}")
    return monkeypatch


def test_a_secret_may_come_from_a_file(complete: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file\n")
    complete.setenv("RECOURSE_MASTER_KEY_FILE", str(file))
    settings = Settings()
    assert settings.master_key.get_secret_value() == "from the file"
    assert "from the file" not in repr(settings)
    complete.setenv("RECOURSE_MASTER_KEY", "from the variable")
    assert Settings().master_key.get_secret_value() == "from the variable"


def test_what_is_missing_is_named(complete: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="master_key"):
        Settings()


def test_a_master_key_must_be_base64() -> None:
    assert master_key_from("bW1t") == b"mmm"
    with pytest.raises(ValueError, match="not base64"):
        master_key_from("!")


def test_a_file_that_is_not_there_ends_the_process_with_its_name(
    complete: pytest.MonkeyPatch,
) -> None:
    complete.setenv("RECOURSE_MASTER_KEY_FILE", "/nowhere/key")
    with pytest.raises(SystemExit, match="/nowhere/key"):
        read_settings(Settings)
