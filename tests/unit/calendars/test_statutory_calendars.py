"""The calendars by which regimes count: pinned, and the same as library and oracle have them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.regime import Regime
from services.calendars import Source, differences
from services.escalation.core.calendar import BusinessDays, compile_calendar, parse_calendar
from services.packs import SHIPPED_PACKS
from services.regimes import shipped_regimes
from services.yaml_files import read_yaml

FOLDER = SHIPPED_PACKS / "calendars"
GENERATED = sorted(file.stem for file in FOLDER.glob("*.yaml") if file.stem != "every-day")
ORACLE = Path(__file__).parents[2] / "oracles" / "data" / "regulatory.json"
LISTED = {
    "us-fed": ("US-FED", (2024, 2025, 2026, 2027)),
    "uk-ew": ("UK-EW", (2025, 2026, 2027)),
    "uk-sct": ("UK-SCT", (2026,)),
    "uk-ni": ("UK-NI", (2026,)),
    "eu-target": ("EU-TARGET", (2025, 2026)),
    "de": ("DE-FEDERAL", (2026,)),
    "ie": ("IE-PUBLIC", (2026,)),
    "cn": ("CN", (2025, 2026)),
    "au-nsw": ("AU-NSW", (2026,)),
    "sg": ("SG", (2026,)),
    "br-bank": ("BR-BANK", (2026,)),
}
ONLY_THE_EXCHANGE = {"br-bank": {(12, 24), (12, 31)}}


def plain_of(name: str) -> dict[str, Any]:
    plain: dict[str, Any] = read_yaml(FOLDER / f"{name}.yaml").plain
    return plain


def days_of(name: str) -> BusinessDays:
    return compile_calendar(parse_calendar(plain_of(name))).days


@pytest.mark.parametrize("name", GENERATED)
def test_a_calendar_agrees_with_the_library(name: str) -> None:
    plain = plain_of(name)
    allowed = ONLY_THE_EXCHANGE.get(name, set())
    found = differences(plain, Source(**plain["library"]))
    assert [each for each in found if (each.day.month, each.day.day) not in allowed] == []


@pytest.mark.parametrize("name", LISTED)
def test_a_calendar_agrees_with_the_oracles_list(name: str) -> None:
    listed, years = LISTED[name]
    oracle = json.loads(ORACLE.read_text(encoding="utf-8"))["calendars"][listed]
    days = days_of(name)
    wrong = [
        str(day)
        for year in years
        for day in (date(year, 1, 1) + timedelta(days=n) for n in range(365))
        if days.is_business_day(day) is not works(oracle, day)
    ]
    assert wrong == []


def works(oracle: dict[str, Any], day: date) -> bool:
    if str(day) in oracle["open"]:
        return True
    return day.weekday() not in oracle["weekend"] and str(day) not in oracle["closed"]


@pytest.mark.parametrize("regime", shipped_regimes(), ids=lambda regime: regime.name)
def test_every_regime_counts_by_a_pinned_calendar_of_its_zone(regime: Regime) -> None:
    plain = plain_of(regime.calendar)
    assert plain["timezone"] == regime.time_zone
    assert plain["version"]
    assert "horizon" in plain or regime.calendar == "every-day"
