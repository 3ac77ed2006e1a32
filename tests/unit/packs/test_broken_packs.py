"""Every mistake in a pack is told by line, in words that say what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.escalation.core.pack_calendars import calendar_problems
from services.packs import load_pack
from services.yaml_files import InvalidFileError
from tests.support.broken_packs import BROKEN, SOUND, broken_text, expected_messages, messages_of

CASES = sorted(BROKEN.glob("[0-9]*.txt"))


def test_the_sound_pack_is_sound() -> None:
    assert load_pack(SOUND, [calendar_problems]).pack.name == "small"


def test_there_are_as_many_broken_packs_as_promised() -> None:
    assert len(CASES) >= 40
    assert len({broken_text(case) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_broken_pack_says_exactly_this(case: Path) -> None:
    expected = expected_messages(case)
    assert expected
    assert messages_of(case) == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe\x00", "pack.yaml:1: is not text in UTF-8: save it as UTF-8"),
        (b"name: x\n\x00", "pack.yaml:2: holds a character that YAML does not allow: remove it"),
        (b"", "pack.yaml:1: a pack is a mapping: begin with `name:`"),
        (b"a: " + b"[" * 200, "pack.yaml:1: "),
        (b"[" * 100_000, "pack.yaml:1: is nested too deeply: write it flatter"),
        (b'name: "\\ud800"', "pack.yaml:1: holds half a character"),
        (b"? [a, b]\n: c", "pack.yaml:1: a list or mapping stands where a key is wanted"),
        (b"name: !!int x", "pack.yaml:1: not YAML: "),
        (b"stale_grace: " + b"9" * 5000, "pack.yaml:1: not YAML: "),
        (
            b"holiday_files: 0x" + b"f" * 5000,
            "pack.yaml:1: holiday_files: the loader fills this in",
        ),
        (b"#" * 4_000_001, "pack.yaml:1: has over 4,000,000 bytes"),
        (
            b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + b"".join(
                b"%c: &%c [%s]\n" % (97 + n, 97 + n, b", ".join([b"*%c" % (96 + n)] * 10))
                for n in range(1, 9)
            ),
            "comes to over 500,000 values with its aliases laid out",
        ),
    ],
    ids=(
        *("binary", "nul", "empty", "deep", "deeper", "surrogate", "key", "tag", "huge", "hex"),
        *("big", "bomb"),
    ),
)
def test_what_is_no_pack_at_all_is_refused_in_one_line(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "pack.yaml").write_bytes(content)
    with pytest.raises(InvalidFileError) as caught:
        load_pack(tmp_path)
    (line,) = caught.value.lines
    assert says in line
    assert len(line) < 400


def test_what_a_holiday_file_holds_is_checked_too(tmp_path: Path) -> None:
    text = SOUND.read_text().replace('holidays: ["--12-25", "easter + 1"]', "uses: [at, de, fr]")
    (tmp_path / "pack.yaml").write_text(text)
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars" / "at.yaml").write_text("holidays: [2026-13-01]")
    (tmp_path / "calendars" / "de.yaml").write_text("- 2026-01-01")
    (tmp_path / "calendars" / "fr.yaml").write_text("holiday: [2026-01-01]")
    with pytest.raises(InvalidFileError) as caught:
        load_pack(tmp_path, [calendar_problems])
    place = f"{tmp_path}/pack.yaml:17: calendars.office.uses"
    assert list(caught.value.lines) == [
        f"{place}.0: holiday file at: '2026-13-01' is not a date: write it as 2026-10-01",
        f"{place}.1: holiday file de: it is no mapping: begin with `holidays:`",
        f"{place}.2: holiday file fr: there is no part 'holiday': write holidays",
    ]
