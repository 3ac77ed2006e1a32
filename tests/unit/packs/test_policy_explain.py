"""`recourse policy explain`: who takes a case and why, in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.policy.reasoning import parts_of
from tests.support.broken_packs import SOUND

CHAT = ("-o", "category=refund", "-o", "channel=chat", "-o", "at=2026-11-23T10:00:00+01:00")


def explained(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", "explain", *words])


def pack(folder: Path, name: str, condition: str) -> str:
    text = SOUND.read_text().replace("name: small", f"name: {name}")
    old = "    when: category == 'refund' && channel == 'phone'\n  - name: every-case\n"
    assert old in text
    folder.mkdir()
    (folder / "pack.yaml").write_text(text.replace(old, f"    when: {condition}\n"))
    return str(folder)


def test_each_part_of_each_rule_says_what_it_came_to(tmp_path: Path) -> None:
    vip = pack(tmp_path / "vip", "vip", "facts.tier == 'gold' || amount > 500.0")
    answer = explained(vip, str(SOUND), *CHAT, "-o", "amount=12", "-o", "currency=EUR")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        "1. vip/phone-refunds: not met",
        "     facts.tier == 'gold'  (cannot be judged: the fact tier is not known)",
        "     amount > 500.0  (not met: amount is 12.0)",
        "2. small/phone-refunds: not met",
        "     category == 'refund'  (met: category is 'refund')",
        "     channel == 'phone'  (not met: channel is 'chat')",
        "3. small/every-case: met",
        "     true  (met)",
        "small takes the case by its rule every-case",
        "category refund, severity normal, lane ordinary",
        "enters rung frontline, group care",
        "  clock first_response: 15 min of office, due 2026-11-23T10:15:00+01:00, then senior",
        "if nobody does anything:",
        "  2026-11-23T10:00 rung frontline (opened, group care)",
        "  2026-11-23T10:15 rung senior (first_response_missed, group care)",
        "  2026-11-30T10:15 offer regulator (rung_budget_spent)",
    ]


def test_a_case_that_no_rule_takes_is_said_to_come_under_the_last_pack(tmp_path: Path) -> None:
    one = pack(tmp_path / "one", "one", "category == 'phishing'")
    answer = explained(one, *CHAT)
    assert "no rule takes the case: it comes under one, the last pack" in answer.stdout


def test_a_report_in_a_file_and_segments_as_json(tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    body: dict[str, Any] = {
        "source": "crm",
        "external_id": "7",
        "category": "refund",
        "description": "where are my pennies",
        "occurred_at": "2026-11-27T14:50:00+01:00",
        "customer": {"id": "c-1", "locale": "de-AT"},
        "contact": {"channel": "phone"},
    }
    file.write_text(json.dumps(body))
    answer = json.loads(explained(str(SOUND), "--case", str(file), "--segments", "--json").stdout)
    assert (answer["pack"]["name"], answer["rule"]) == ("small", "phone-refunds")
    (clock,) = answer["clocks"]
    assert clock["due_at"] == "2026-11-30T09:05:00+01:00"
    assert [step["counted"] for step in clock["segments"]] == ["PT10M", "PT0S", "PT5M"]
    assert "pennies" not in str(answer)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "catgory=refund"], "-o:1: catgory: there is no key 'catgory' here: write category"),
        (["-o", "category=refnd"], "-o:1: category: there is no value 'refnd' here: write refund"),
        (["-o", "refund"], "-o:1: 'refund' is no key=value: write category=refund"),
        (["-o", "amount=5"], "-o:1: transaction: an amount needs its currency"),
    ],
)
def test_what_is_no_case_is_told_in_one_line(words: list[str], says: str) -> None:
    answer = explained(str(SOUND), *words)
    assert (answer.exit_code, answer.stderr) == (1, says + "\n")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a && b || c", ["a", "b", "c"]),
        ("(a || b) && !(c && d)", ["a", "b", "!(c && d)"]),
        ("x in ['a && b', 'c'] && y", ["x in ['a && b', 'c']", "y"]),
        ("a ? b || c : d", ["a ? b || c : d"]),
        ("((a)) && f(b || c)", ["a", "f(b || c)"]),
    ],
)
def test_a_condition_is_taken_apart_where_it_joins(text: str, parts: list[str]) -> None:
    assert [part.text for part in parts_of(text, {})] == parts
