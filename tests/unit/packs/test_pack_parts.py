"""A pack that extends another and names regimes: laid together, digested, wrong with a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.packs import DEFAULT_PACK, LoadedPack, load_pack
from services.yaml_files import InvalidFileError

SMALL = """\
extends: wallet-default
name: small
version: "7"
calendars:
  always: {time_zone: Europe/Paris}
regimes: [uk-fos-6m, {use: uk-disp-psd, on_breach: {escalate_to: senior}}]
"""


def loaded(folder: Path, text: str) -> LoadedPack:
    (folder / "pack.yaml").write_text(text, encoding="utf-8")
    return load_pack(folder)


def test_a_pack_is_the_one_it_extends_but_for_what_it_says(tmp_path: Path) -> None:
    pack, base = loaded(tmp_path, SMALL).pack, load_pack(DEFAULT_PACK).pack
    assert (pack.name, pack.version) == ("small", "7")
    assert pack.categories == base.categories
    assert pack.calendars["always"].time_zone == "Europe/Paris"
    assert pack.calendars["always"].weekly == base.calendars["always"].weekly
    assert [rule.use for rule in pack.regimes] == ["uk-fos-6m", "uk-disp-psd"]


def test_regimes_bring_their_calendar_and_the_digest_covers_them(tmp_path: Path) -> None:
    whole = loaded(tmp_path, SMALL)
    assert whole.pack.calendars["uk-ew"].time_zone == "Europe/London"
    assert "2027-12-27" in whole.pack.holiday_files["uk-ew"]["holidays"]
    own = tmp_path / "regimes"
    own.mkdir()
    shipped = Path("packs/regimes/uk-fos-6m.yaml").read_text(encoding="utf-8")
    (own / "uk-fos-6m.yaml").write_text(shipped.replace("amount: 6", "amount: 5"))
    assert loaded(tmp_path, SMALL).digest != whole.digest


def test_the_packs_own_calendar_counts_before_the_pinned_one(tmp_path: Path) -> None:
    scotland = (
        "  uk-ew: {time_zone: Europe/London, uses: [uk-sct], weekly: {mon: [['00:00', '24:00']]}}\n"
    )
    text = SMALL.replace("regimes:", f"{scotland}regimes:")
    assert loaded(tmp_path, text).pack.calendars["uk-ew"].uses == ("uk-sct",)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("wallet-default", "wallet-moon", "pack.yaml:1: extends: there is no pack 'wallet-moon'"),
        ("wallet-default", "../wallet-us", "there is no pack '../wallet-us' to extend"),
        ("wallet-default", "[wallet-us]", "to extend"),
        ("uk-fos-6m", "uk-fos-7m", "pack.yaml:6: regimes.0.use: there is no regime 'uk-fos-7m'"),
        ("to: senior", "to: heaven", "there is no rung 'heaven'"),
        ("escalate_to: senior", "restart: true", "never begun anew by being missed"),
        ("use: uk-disp-psd", "use: [uk-disp-psd]", "pack.yaml:6: regimes.1.use"),
        ("use: uk-disp-psd", "uses: uk-disp-psd", "pack.yaml:6: regimes.1"),
        ("[uk-fos-6m, ", "[5, ", "pack.yaml:6: regimes.0"),
        ("regimes: [", "regimes: {a: b}\nregime_files: [", "the loader fills this in"),
        ("calendars:\n  always: {time_zone: Europe/Paris}", "calendars: [x]", "calendars"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        loaded(tmp_path, SMALL.replace(old, new))
    assert any(says in line for line in refused.value.lines), refused.value.lines


def test_a_pack_that_extends_itself_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    with pytest.raises(InvalidFileError, match="extends itself"):
        loaded(folder, SMALL.replace("wallet-default", "small"))
