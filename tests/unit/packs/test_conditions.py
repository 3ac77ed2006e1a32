"""Conditions in CEL: checked when they are read, and never a reason to stumble when judged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conditions import (
    CHOICES,
    VARIABLES,
    InvalidConditionError,
    compile_condition,
    values_of,
)

CASE: dict[str, Any] = {
    "category": "refund",
    "severity": "high",
    "lane": "ordinary",
    "channel": "phone",
    "status": "open",
    "import_mode": "",
    "identity_verified": True,
    "amount": 250.0,
    "currency": "CNY",
    "source": "call-centre",
    "customer.locale": "zh-CN",
    "customer.language": "zh",
    "customer.country": "CN",
    "customer.time_zone": "Asia/Shanghai",
    "facts": {"tries": 3, "merchant": "M-1"},
    "known": ["amount", "tries", "merchant"],
}


def test_the_case_of_these_tests_knows_every_variable() -> None:
    assert set(CASE) == set(VARIABLES)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("true", True),
        ("category == 'refund' && amount > 100.0", True),
        ("category in ['refund', 'merchant_dispute'] && channel != 'phone'", False),
        ("customer.country == 'CN' && customer.language == 'zh'", True),
        ("facts.tries >= 3 && facts['merchant'].startsWith('M-')", True),
        ("'noticed_at' in known", False),
        ("import_mode == '' && identity_verified", True),
        ("amount > 100.0 ? severity == 'high' : false", True),
        ("source.matches('^call')", True),
    ],
)
def test_a_condition_is_met_or_not(text: str, met: bool) -> None:
    verdict = compile_condition(text).judge(CASE)
    assert (verdict.met, verdict.failure) == (met, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("facts.noticed_at == 'x'", "noticed_at"),
        ("facts.merchant > 3", "overload"),
        ("1 / 0 == 1", "divide"),
        ("source.matches('(')", "missing"),
    ],
)
def test_what_cannot_be_judged_is_not_met_and_says_why(text: str, says: str) -> None:
    verdict = compile_condition(text).judge(CASE)
    assert not verdict.met
    assert says in (verdict.failure or "")


def test_an_unknown_amount_matters_only_where_the_rest_leaves_it_open() -> None:
    known = {name: value for name, value in CASE.items() if name != "amount"}
    assert not compile_condition("amount > 100.0").judge(known).met
    assert compile_condition("amount > 100.0").judge(known).failure is not None
    assert compile_condition("amount > 100.0 || category == 'refund'").judge(known).met
    assert compile_condition("category == 'refund' && 'amount' in known").judge(known).met


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("categry == 'refund'", (1, 1), "there is no 'categry': write category"),
        (
            "category == 'refund'\n  && amounts > 1.0",
            (2, 6),
            "there is no 'amounts': write amount",
        ),
        ("category == 'refnd'", (1, 1), "category is never 'refnd': write refund"),
        (
            "amount > 100",
            (1, 8),
            "> of a decimal and a whole number: write 100.0, not 100",
        ),
        (
            "category",
            (1, 1),
            "is of type string, not true or false: compare it with something",
        ),
        ("lane == 'fast'", (1, 1), "lane is never 'fast': write one of money_safety, ordinary"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(
    text: str, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(InvalidConditionError) as caught:
        compile_condition(text)
    (mistake,) = caught.value.mistakes
    assert ((mistake.line, mistake.column), mistake.message) == (place, message)


def test_two_mistakes_are_both_told() -> None:
    with pytest.raises(InvalidConditionError) as caught:
        compile_condition("categry == 'a' || chanel == 'b'")
    assert len(caught.value.mistakes) == 2


_PIECES = st.sampled_from(
    [
        *("category", "amount", "facts", ".x", "['a']", "'refund'", "1", "1.5", "in", "true"),
        *("(", ")", "[", "]", "==", "&&", "||", "!", "?", ":", "-", " ", "\n", "size", "\x00"),
        *("#", "//", "\\"),
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=40).map("".join)))
def test_any_text_is_a_condition_or_a_mistake(text: str) -> None:
    try:
        condition = compile_condition(text)
    except InvalidConditionError as error:
        told = [mistake.message for mistake in error.mistakes]
    else:
        told = [str(condition.judge(values).met) for values in (CASE, {})]
    assert all(told)
    assert told


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _JSON))
def test_any_fact_can_be_asked_about(facts: dict[str, Any]) -> None:
    condition = compile_condition("facts.x == 'y' || category == 'refund'")
    assert condition.judge({**CASE, "facts": values_of(facts)}).met


def test_numbers_and_depths_beyond_cel_are_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(5000):
        deep = [deep]
    facts = values_of({"deep": deep, "huge": 10**400, "large": 10**40, "low": -(10**400)})
    verdict = compile_condition("facts.huge > 1.0 && facts.large > 1e39 && facts.low < 0.0").judge(
        {"facts": facts}
    )
    assert verdict.met


def test_choices_are_declared_variables() -> None:
    assert set(CHOICES) <= set(VARIABLES)
