"""`recourse policy diff`: what changes for whom, in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.packs import SHIPPED_PACKS
from tests.support.broken_packs import SOUND

TEXT = SOUND.read_text(encoding="utf-8")


def compared(folder: Path, *changes: tuple[str, str], options: tuple[str, ...] = ()) -> Result:
    """The small pack as it is, against itself with these changes."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "pack.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["policy", "diff", str(SOUND), str(folder), *options])


CLOCK = "{amount: PT15M, unit: business, calendar: office}"
FIRST = "clock first_response"
ASKING = "refund cases: asking for refund_reason en"
REFUND = "category == 'refund' && channel == "
CARE = "groups:\n  care:"


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            (CLOCK, "{amount: PT90M, unit: business, calendar: office}"),
            [
                "ordinary cases: clock first_response 15 min of office -> 1 h 30 min of office",
                "money_safety cases: clock first_response 15 min of office -> 1 h 30 min of office",
            ],
        ),
        (
            (CLOCK, "{amount: PT15M, unit: elapsed, calendar: office}"),
            [
                "ordinary cases: clock first_response 15 min of office -> 15 min, around the clock",
                f"money_safety cases: {FIRST} 15 min of office -> 15 min, around the clock",
            ],
        ),
        (
            ("{amount: 2, unit: business_days", "{amount: 1, unit: months"),
            ["rung senior: budget 2 business days of office -> 1 month of office"],
        ),
        (("refund: {title: {en: Refund},", "refund: {title: {en: Refund}, lane: money_safety,"),
            ["refund cases: lane ordinary -> money_safety"]),
        (("{en: It decides the rule.}", "{en: It decides which rule.}"),
            [f"{ASKING} It decides the rule. -> It decides which rule."]),
        (("wording: {en: You may go to the regulator.}", "wording: {en: Go.}"),
            ["rung regulator: offer wording en You may go to the regulator. -> Go."]),
        (('"--12-25", ', ""), ["calendar office: holidays: drops --12-25"]),
        (("[waiting_customer]", "[waiting_customer, agent]"),
            ["ordinary cases: clock first_response pauses: adds agent",
             "money_safety cases: clock first_response pauses: adds agent"]),
        (("channel == 'phone'", "channel == 'chat'"),
            [f"which cases: rule phone-refunds {REFUND}'phone' -> {REFUND}'chat'"]),
        (("{title: {en: App fault}}", "{title: {en: App fault}, severity: low}"),
            ["app_fault cases: severity normal -> low"]),
        ((CARE, "groups:\n  back: {title: {en: Back office}}\n  care:"),
            ["group back: it is new: title en Back office"]),
    ],
    ids=lambda value: value[1][:30] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_change_is_said_of_whom_it_concerns(
    tmp_path: Path, change: tuple[str, str], lines: list[str]
) -> None:
    answer = compared(tmp_path, change)
    assert (answer.stdout.splitlines(), answer.exit_code) == (lines, 1)


def test_a_rung_that_is_new_and_one_that_is_gone(tmp_path: Path) -> None:
    rung = "    - {name: second, path: senior, side: operator, group: care, then: regulator}\n"
    regulator = "    - name: regulator\n"
    then = ("then: regulator\n", "then: second\n")
    answer = compared(tmp_path, (regulator, rung + regulator), then)
    order, senior, second = answer.stdout.splitlines()
    assert order == "the ladder: order: adds second"
    assert senior == "rung senior: then regulator -> second"
    assert second.startswith("rung second: it is new: path senior; side operator; group care;")
    back = CliRunner().invoke(app, ["policy", "diff", str(tmp_path), str(SOUND)])
    assert "rung second: it is gone (was: path senior; side operator;" in back.stdout


def test_the_same_pack_changes_nothing(tmp_path: Path) -> None:
    answer = compared(tmp_path, ("# A small, sound pack.", "# Another comment."))
    assert (answer.exit_code, answer.stdout) == (0, "nothing changes for anybody\n")


def test_a_broken_pack_is_no_difference(tmp_path: Path) -> None:
    answer = compared(tmp_path, ("then: senior}", "then: moon}"))
    assert answer.exit_code == 2
    assert "pack.yaml:42: ladder.rungs.0.then: there is no rung 'moon'" in answer.stderr


def test_markdown_and_json(tmp_path: Path) -> None:
    change = ("refund: {title: {en: Refund},", "refund: {title: {en: Refund}, severity: high,")
    markdown = compared(tmp_path, change, options=("--markdown",)).stdout
    assert markdown == "### Categories\n\n- **refund cases**: severity normal -> high\n\n"
    (plain,) = json.loads(compared(tmp_path, change, options=("--json",)).stdout)
    assert plain == {
        "section": "categories",
        "who": "refund cases",
        "what": "severity",
        "old": "normal",
        "new": "high",
        "text": "refund cases: severity normal -> high",
    }


def test_what_the_law_gives_is_said_clock_by_clock() -> None:
    packs = [str(SHIPPED_PACKS / name) for name in ("wallet-us", "wallet-uk")]
    told = CliRunner().invoke(app, ["policy", "diff", *packs]).stdout
    assert "cases under uk-disp-psd: clock final_response is new: 15 business days" in told
    assert "cases under us-reg-e: clock correct_error is gone" in told
    assert "not exact: recalled" in told
