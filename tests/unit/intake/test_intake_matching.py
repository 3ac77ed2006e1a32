"""Which pack takes a new case: the first with a rule that it meets, and never none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from schemas.conditions import VARIABLES
from schemas.pack import MatchRule
from schemas.vocabulary import Category, Severity
from services.intake.core.admit import admit
from services.intake.core.matching import choose, facts_of
from services.intake.core.outcome import Outcome
from services.intake.core.state import Policies, Policy
from services.intake.core.triage import triage
from services.kit.settings import Settings
from services.packs import DEFAULT_PACK, load_packs
from services.yaml_files import InvalidFileError
from tests.support.cases import NOW, POLICY, SUBJECT, report, report_body


def offering(name: str, *conditions: str) -> Policy:
    """The small pack under another name, with rules `rule-0`, `rule-1`..."""
    rules = tuple(
        MatchRule(name=f"rule-{number}", when=text) for number, text in enumerate(conditions)
    )
    pack = POLICY.pack.model_copy(update={"name": name, "match": rules})
    pin = POLICY.pin.model_copy(update={"name": name, "digest": f"sha256:{name}"})
    return Policy(pin, pack)


def taken_by(*offered: Policy, **changes: Any) -> tuple[str, dict[str, str]]:
    """The pack that takes the case, and the reasons that its opening carries."""
    outcome = admit(
        report(**changes),
        subject=SUBJECT,
        known=None,
        candidates=[],
        policies=Policies(offered, {policy.pin.digest: policy for policy in offered}),
        now=NOW,
    )
    assert isinstance(outcome, Outcome)
    return outcome.case.policy.name, outcome.case.triage


def test_the_first_rule_that_is_met_decides() -> None:
    phone = offering("phone", "category == 'refund'", "channel == 'phone'")
    rest = offering("rest", "true")
    assert taken_by(phone, rest) == (
        "phone",
        {
            "language": "stated",
            "money_at_risk": "transaction_named",
            "category": "stated",
            "severity": "category_rule",
            "lane": "category_rule",
            "policy": "matched",
            "match_rule": "rule-1",
        },
    )
    assert taken_by(rest, phone)[0] == "rest"
    chat = {**report_body()["contact"], "channel": "chat"}
    assert taken_by(phone, rest, contact=chat)[0] == "rest"


def test_a_case_that_no_rule_takes_comes_under_the_last_pack_and_says_so() -> None:
    name, reasons = taken_by(offering("one", "false"), offering("two", "category == 'refund'"))
    assert name == "two"
    assert reasons["policy"] == "nothing_matched"
    assert "match_rule" not in reasons


def test_a_condition_that_cannot_be_judged_is_passed_over_and_named_without_its_values() -> None:
    name, reasons = taken_by(
        offering("vip", "facts.tier == 'gold'", "facts.secret > 3"),
        offering("rest", "true"),
        facts={"secret": "4711-secret"},
    )
    assert name == "rest"
    assert reasons["not_judged"] == "vip/rule-0, vip/rule-1"
    assert "4711" not in str(reasons)


def test_each_pack_looks_at_the_case_with_its_own_eyes() -> None:
    grave = offering("grave", "severity == 'critical'")
    category = Category.FUNDS_NOT_RECEIVED
    rule = grave.pack.categories[category].model_copy(update={"severity": Severity.CRITICAL})
    categories = {**grave.pack.categories, category: rule}
    stricter = Policy(grave.pin, grave.pack.model_copy(update={"categories": categories}))
    assert taken_by(grave, offering("rest", "true"))[0] == "rest"
    assert taken_by(stricter, offering("rest", "true"))[0] == "grave"


@pytest.mark.parametrize(
    ("changes", "variable", "value"),
    [
        ({}, "customer.country", "CN"),
        ({"facts": {"customer.country": "at"}}, "customer.country", "AT"),
        ({"customer": {"id": "c", "locale": "zh-Hans-SG"}}, "customer.country", "SG"),
        ({"customer": {"id": "c", "locale": "zh-Hans"}}, "customer.country", ""),
        ({"customer": {"id": "c", "locale": "EN"}}, "customer.language", "en"),
        ({"transaction": {"id": "T"}}, "currency", ""),
        ({"transaction": {"id": "T", "amount": "2.50", "currency": "EUR"}}, "amount", 2.5),
        ({"facts": {"b": 1, "a": 2}}, "known", ["a", "b", "amount"]),
    ],
)
def test_what_a_condition_may_ask_about(changes: dict[str, Any], variable: str, value: Any) -> None:
    subject = report(**changes)
    assert facts_of(subject, triage(subject, POLICY))[variable] == value


def test_every_declared_variable_is_given() -> None:
    subject = report()
    assert set(facts_of(subject, triage(subject, POLICY))) == set(VARIABLES)


def test_the_choice_tells_every_rule_that_was_asked() -> None:
    found = choose(report(), [offering("one", "false"), offering("two", "true", "true")])
    assert [(tried.policy.pin.name, tried.rule) for tried in found.tried] == [
        ("one", "rule-0"),
        ("two", "rule-0"),
    ]


def test_several_packs_are_named_by_one_setting(tmp_path: Path) -> None:
    given = {"database_dsn": "d", "keys_dsn": "k", "master_key": "m", "kafka_bootstrap": "b"}
    one, two = tmp_path / "one", tmp_path / "two"
    both = Settings.model_validate({**given, "packs": f"{one}{os.pathsep}{two}", "packs_dir": two})
    assert both.pack_folders == (one, two)
    assert Settings.model_validate({**given, "packs_dir": two}).pack_folders == (two,)
    assert Settings.model_validate(given).pack_folders == ()


def test_the_mistakes_of_all_packs_are_told_and_none_means_the_shipped_one(tmp_path: Path) -> None:
    assert [loaded.pack.name for loaded in load_packs([])] == ["wallet-default"]
    with pytest.raises(InvalidFileError) as caught:
        load_packs([tmp_path / "one", DEFAULT_PACK, tmp_path / "two"])
    assert len(caught.value.lines) == 2
