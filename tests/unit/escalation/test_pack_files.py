"""Reading packs: the shipped one is sound, and every mistake names file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.pack import Pack
from schemas.vocabulary import Category, Lane
from services.escalation.core.policy import compile_policy
from services.packs import DEFAULT_PACK, load_pack, pinned
from services.yaml_files import InvalidFileError

PACK_TEXT = (DEFAULT_PACK / "pack.yaml").read_text(encoding="utf-8")


def line_of(text: str, wanted: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if wanted in line)


def broken(folder: Path, old: str, new: str) -> tuple[str, int]:
    """The message for a pack with one mistake, and the line on which it was made."""
    assert old in PACK_TEXT
    text = PACK_TEXT.replace(old, new, 1)
    file = folder / "pack.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidFileError) as caught:
        load_pack(folder)
    return caught.value.lines[0], line_of(text, new.splitlines()[0].strip())


def test_shipped_pack_survives_storing() -> None:
    loaded = load_pack(DEFAULT_PACK)
    again = pinned(Pack.model_validate_json(loaded.canonical_json))
    assert again == loaded
    assert loaded.digest.startswith("sha256:")


def test_shipped_pack_says_everything_in_both_languages() -> None:
    pack = load_pack(DEFAULT_PACK).pack
    assert set(pack.categories) == set(Category)
    for category in pack.categories.values():
        for texts in (category.title, *(fact.why for fact in category.facts)):
            assert set(texts) == {"en", "zh"}
    in_danger = {name for name, rule in pack.categories.items() if rule.lane is Lane.MONEY_SAFETY}
    assert in_danger == {
        Category.ACCOUNT_TAKEOVER,
        Category.UNAUTHORISED_TRANSACTION,
        Category.PHISHING,
    }


def test_service_hours_follow_the_chinese_calendar() -> None:
    loaded = load_pack(DEFAULT_PACK)
    calendar = compile_policy(loaded.pack, loaded.digest).calendars["service_hours"].calendar
    assert calendar.holidays
    assert calendar.make_up_days
    assert calendar.horizon is not None


def test_digest_covers_the_holidays(tmp_path: Path) -> None:
    loaded = load_pack(DEFAULT_PACK)
    (tmp_path / "pack.yaml").write_text(PACK_TEXT, encoding="utf-8")
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "cn.yaml").write_text('holidays: ["2026-10-01"]', encoding="utf-8")
    assert load_pack(tmp_path).digest != loaded.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("entry: frontline", "entry: basement", "there is no rung 'basement': write one of"),
        ("then: email", "then: moon", "there is no rung 'moon'"),
        ("then: email", "then: frontline", "is not above senior"),
        ("group: written_care", "group: nobody", "there is no group 'nobody'"),
        ("calendar: always}", "calendar: never}", "there is no calendar 'never'"),
        ("uses: [cn]", "uses: [mars]", "there is no holiday file 'mars'"),
        ("stale_grace: PT10M", "stale_grace: soon", "stale_grace"),
        ("escalate_to: senior, reason: first", "escalate_to: boss, reason: first", "'boss'"),
        ("{amount: 2, unit: business_days", "{amount: PT2H, unit: business_days", "whole number"),
        (
            "{amount: PT15M, unit: business,",
            "{amount: PT0S, unit: business,",
            "longer than nothing",
        ),
        (
            "pauses: {cap: P3D}",
            "pauses: {cap: P3D, cup: 1}",
            "there is no key 'cup' here: write cap",
        ),
        ("time_zone: Asia/Shanghai", "time_zone: Asia/Atlantis", "Asia/Atlantis"),
        ('version: "1"', 'version: "1"\nversion: "2"', "stands twice"),
    ],
)
def test_mistakes_name_line_and_remedy(tmp_path: Path, old: str, new: str, says: str) -> None:
    message, line = broken(tmp_path, old, new)
    assert says in message
    found = int(message.removeprefix(f"{tmp_path / 'pack.yaml'}:").split(":")[0])
    assert abs(found - line) <= (1 if "stands twice" in says else 0)


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x", "a: &a [*a]", "\x00"])
def test_garbage_is_an_error_with_a_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "pack.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidFileError, match=r"pack\.yaml:\d+: "):
        load_pack(tmp_path)


def test_missing_pack_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="cannot be read"):
        load_pack(tmp_path)
