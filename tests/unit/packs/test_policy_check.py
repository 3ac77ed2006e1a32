"""What `recourse policy check` finds: one pack changed in one way, and the words for it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.packs import DEFAULT_PACK
from services.policy.checking import Report, Wanted, check
from tests.support.broken_packs import BROKEN, SOUND, broken_text, expected_messages

EXAMPLES = """\
examples:
  - name: nobody answers on a Monday
    open: {at: "2026-11-23T10:00", category: refund}
    until: "2026-11-23T12:00"
    expect:
      - {at: "2026-11-23T10:00", rung: frontline, reason: opened}
      - {at: "2026-11-23T10:15", rung: senior, reason: first_response_missed}
"""
DOUBTFUL = sorted((BROKEN.parent / "doubtful").glob("[0-9]*.txt"))
TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def pack(
    folder: Path,
    *changes: tuple[str, str],
    text: str = SOUND.read_text(encoding="utf-8"),
    examples: str | None = EXAMPLES,
) -> Path:
    """The small sound pack in a folder of its own, changed, with its examples."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    folder.mkdir(exist_ok=True)
    (folder / "pack.yaml").write_text(text, encoding="utf-8")
    if examples is not None:
        (folder / "examples.yaml").write_text(examples, encoding="utf-8")
    return folder


def checked(*folders: Path, roster: Path | None = None, today: datetime = TODAY) -> Report:
    return check(Wanted(folders, roster, today, timedelta(days=30)))


def told(report: Report) -> list[tuple[str, str, str]]:
    """Severity, kind and words, without the folder."""
    return [(line.severity, line.kind, _without_folder(line.text)) for line in report.lines]


def _without_folder(text: str) -> str:
    return re.sub(r"^\S*/", "", text)


def test_the_shipped_pack_and_the_small_one_are_without_findings(tmp_path: Path) -> None:
    assert told(checked(DEFAULT_PACK, roster=DEFAULT_PACK / "roster.yaml")) == []
    assert told(checked(pack(tmp_path))) == []


@pytest.mark.parametrize("case", DOUBTFUL, ids=lambda case: case.stem)
def test_a_finding_says_where_and_what_to_do(tmp_path: Path, case: Path) -> None:
    folder = pack(tmp_path, text=broken_text(case))
    found = [" ".join(line) for line in told(checked(folder))]
    assert found == expected_messages(case)
    assert found


def test_a_narrower_rule_before_a_wider_one_is_as_it_should_be(tmp_path: Path) -> None:
    wider = ("  - name: every-case", "  - name: refunds\n    when: category == 'refund'")
    assert told(checked(pack(tmp_path, wider))) == []


def test_rules_of_two_packs_are_held_against_each_other(tmp_path: Path) -> None:
    first = pack(tmp_path / "first", ("  - name: every-case\n", ""), ("name: small", "name: first"))
    second = pack(tmp_path / "second", ("channel == 'phone'", "severity == 'high'"))
    (overlap,) = told(checked(first, second))
    assert overlap[1] == "overlapping_matches"
    assert "small/phone-refunds and first/phone-refunds both take 1 of 576" in overlap[2]
    assert told(checked(first)) == []


def test_a_rung_whose_group_has_nobody_in_the_roster(tmp_path: Path) -> None:
    roster = tmp_path / "roster.yaml"
    roster.write_text("agents: [{staff_number: A1, name: Eva, groups: [sales]}]")
    found = told(checked(pack(tmp_path), roster=roster))
    assert ("warning", "rung_without_group") in [line[:2] for line in found]
    assert "nobody in the roster is of group care" in found[0][2]
    assert "Eva" not in str(found)


SENIOR = '      - {at: "2026-11-23T10:15", rung: senior, reason: first_response_missed}\n'
WHERE = "examples.yaml:7: examples.0.expect.1: nobody answers on a Monday: expected "
UNEXPECTED = "examples.yaml:5: examples.0.expect: nobody answers on a Monday: "
LATER = "2026-11-23T10:16 rung senior (first_response_missed)"
MISSED = "2026-11-23T10:15 rung senior (first_response_missed"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("10:15", "10:16", f"{WHERE}{LATER}, but {MISSED}, group care)"),
        ("T12:00", "T10:05", f"{WHERE}{MISSED}), but nothing more happens"),
        (
            SENIOR,
            "",
            f"{UNEXPECTED}nobody expected {MISSED}, group care)",
        ),
        (
            "until:",
            "untill:",
            "examples.yaml:4: examples.0.untill: there is no key 'untill' here: write until",
        ),
        (
            "category: refund",
            "category: refnd",
            "examples.yaml:2: examples.0: nobody answers on a Monday: cannot be played: ",
        ),
    ],
    ids=["other time", "nothing", "unexpected", "key", "unplayable"],
)
def test_examples_that_do_not_hold(tmp_path: Path, old: str, new: str, says: str) -> None:
    ((severity, _, text),) = told(checked(pack(tmp_path, examples=EXAMPLES.replace(old, new))))
    assert severity == "error"
    assert text.startswith(says)


def test_a_pack_without_examples_is_told_to_have_some(tmp_path: Path) -> None:
    ((severity, kind, _),) = told(checked(pack(tmp_path, examples=None)))
    assert (severity, kind) == ("warning", "no_examples")


def test_the_command_answers_with_json_and_exit_codes(tmp_path: Path) -> None:
    sound = str(pack(tmp_path / "sound"))
    broken = str(pack(tmp_path / "broken", ("then: senior}", "then: moon}")))
    run = CliRunner().invoke
    fine = run(app, ["policy", "check", sound, "--today", "2026-11-20"])
    assert (fine.exit_code, fine.stdout) == (0, "1 pack, 1 example: 0 errors, 0 warnings\n")
    bad = run(app, ["policy", "check", sound, broken, "--today", "2026-11-20", "--json"])
    assert bad.exit_code == 1
    answer = json.loads(bad.stdout)
    assert [finding["severity"] for finding in answer["findings"]] == ["error"]
    assert answer["findings"][0] == {
        "severity": "error",
        "kind": "invalid_file",
        "file": f"{broken}/pack.yaml",
        "line": 42,
        "message": "ladder.rungs.0.then: there is no rung 'moon': "
        "write one of frontline, regulator, senior",
    }
    assert run(app, ["policy", "check", str(tmp_path / "nowhere")]).exit_code == 2
