"""Pinned calendars against the library: generated ones agree, and every difference is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from services.calendars import Source, UnknownCalendarError, differences, generate
from services.cli.main import app
from services.packs import SHIPPED_PACKS
from services.yaml_files import read_yaml

CN = SHIPPED_PACKS / "calendars" / "cn.yaml"


def test_the_shipped_calendar_agrees_with_the_library() -> None:
    assert differences(read_yaml(CN).plain, Source(country="CN")) == []


@pytest.mark.parametrize(
    ("source", "zone"),
    [
        (Source(country="CN"), "Asia/Shanghai"),
        (Source(country="GB", subdivision="SCT"), "Europe/London"),
        (Source(market="XFED"), "America/New_York"),
        (Source(market="XECB"), "Europe/Berlin"),
    ],
)
def test_what_is_generated_has_no_differences(source: Source, zone: str) -> None:
    plain = generate(source, 2025, 2026, name="x", zone=zone)
    assert differences(plain, source) == []
    assert plain["horizon"] == "2026-12-31"


def test_make_up_days_stand_for_the_weekday_whose_day_off_they_make_up() -> None:
    plain = generate(Source(country="CN"), 2025, 2026, name="cn", zone="Asia/Shanghai")
    assert plain["make_up_days"] == read_yaml(CN).plain["make_up_days"]


def changed(change: dict[str, Any]) -> dict[str, Any]:
    return {**generate(Source(country="CN"), 2026, 2026, name="cn", zone="UTC"), **change}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"make_up_days": {}}, "2026-01-04 sun: file closed, library works"),
        ({"holidays": ["2026-01-01"]}, "2026-01-02 fri: file works, library Day off"),
    ],
)
def test_differences_name_the_date(change: dict[str, Any], says: str) -> None:
    assert str(differences(changed(change), Source(country="CN"))[0]).startswith(says)


def test_an_unknown_country_is_named() -> None:
    with pytest.raises(UnknownCalendarError, match="XX"):
        generate(Source(country="XX"), 2026, 2026, name="x", zone="UTC")


def test_the_commands_generate_compare_and_exit(tmp_path: Path) -> None:
    runner = CliRunner()
    words = ["calendar", "generate", "2026", "--market", "XFED", "--name", "fed"]
    made = runner.invoke(app, [*words, "--zone", "America/New_York"])
    assert made.exit_code == 0
    file = tmp_path / "fed.yaml"
    file.write_text(made.stdout)
    assert runner.invoke(app, ["calendar", "diff", str(file)]).stdout == "0 differences\n"
    plain = yaml.safe_load(made.stdout)
    file.write_text(yaml.safe_dump({**plain, "holidays": plain["holidays"][1:]}))
    compared = runner.invoke(app, ["calendar", "diff", str(file)])
    assert compared.exit_code == 1
    assert "2026-01-01 thu: file works" in compared.stdout
