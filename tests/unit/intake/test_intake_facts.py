"""Only what is missing is asked for, in the customer's language."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.pack import FactNeed
from services.intake.core.facts import (
    AUTHORISATION,
    Known,
    complained_about,
    explain,
    fact_of_unnamed,
    in_language,
    missing,
)
from services.intake.core.views import missing_facts
from tests.support.cases import CONTACTED, POLICY, RECEIPT, TRANSACTION_ID, open_case, report


def known(evidence: tuple[str, ...] = (), **changes: Any) -> Known:
    read = report(**changes)
    return Known(read.customer, read.transaction, read.facts, evidence, read.description)


def need(fact: str) -> FactNeed:
    return FactNeed(fact=fact, why={"en": "why"})


@pytest.mark.parametrize(
    ("fact", "held"),
    [
        ("transaction.id", True),
        ("transaction.status", False),
        ("customer.phone", True),
        ("customer.nonsense", False),
        ("description", True),
        ("already_tried", True),
        ("never_told", False),
        ("evidence.payment_receipt", False),
        ("evidence", False),
    ],
)
def test_a_dotted_name_reads_its_place(fact: str, held: bool) -> None:
    assert (missing([need(fact)], known()) == ()) is held


@pytest.mark.parametrize("name", ["payment_receipt", "evidence.payment_receipt"])
def test_a_file_proves_its_fact_with_or_without_prefix(name: str) -> None:
    assert missing([RECEIPT], known((name,))) == ()


def test_another_file_proves_nothing() -> None:
    assert missing([RECEIPT], known(("id_card",)))


def test_what_was_provided_under_its_name_is_not_asked_for_again() -> None:
    assert missing([RECEIPT], known(facts={"evidence.payment_receipt": "receipt 8871"})) == ()
    assert missing([RECEIPT], known(facts={"evidence.payment_receipt": ""}))


@pytest.mark.parametrize(("value", "held"), [(False, True), (0, True), ("", False), (None, False)])
def test_no_is_an_answer_and_an_empty_text_is_none(value: Any, held: bool) -> None:
    read = known(facts={"counterparty_contacted": value})
    assert (missing([CONTACTED], read) == ()) is held


def test_a_transaction_can_be_told_as_a_fact() -> None:
    read = known(transaction=None, facts={"transaction.id": "tx-1"})
    assert missing([TRANSACTION_ID], read) == ()


@pytest.mark.parametrize(
    ("locale", "text"), [("zh-CN", "中"), ("zh_TW", "中"), ("en-GB", "E"), ("fr", "E")]
)
def test_language_falls_back_to_english(locale: str, text: str) -> None:
    assert in_language({"zh": "中", "en": "E"}, locale) == text


def test_why_is_said_in_the_customers_language() -> None:
    asked = explain(["evidence.payment_receipt"], [TRANSACTION_ID, RECEIPT], "zh-CN")
    assert asked == [{"fact": "evidence.payment_receipt", "why": RECEIPT.why["zh"]}]


@pytest.mark.parametrize(
    ("missing_facts", "fact"),
    [
        (("transaction.id", "evidence.a"), "evidence.a"),
        (("evidence.a", "evidence.b"), "evidence"),
        ((), "evidence"),
    ],
)
def test_a_file_without_a_name_answers_the_only_missing_one(
    missing_facts: tuple[str, ...], fact: str
) -> None:
    case = open_case().model_copy(update={"missing_facts": missing_facts})
    assert fact_of_unnamed(case, "a" * 64) == fact


def test_a_file_sent_before_proves_what_it_proved() -> None:
    file = {"fact": "payment_receipt", "sha256": "a" * 64, "media_type": "image/png"}
    case = open_case(evidence=[file])
    assert fact_of_unnamed(case, "a" * 64) == "evidence.payment_receipt"


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("A1024", ("A1024",)),
        (["A1024", "B-7"], ("A1024", "B-7")),
        ("the woman with the red coat", ()),
        ("李四", ()),
        (["A1024", 7, None], ("A1024",)),
        (None, ()),
        ({"staff": "A1024"}, ()),
    ],
)
def test_only_staff_numbers_travel_in_clear(said: Any, numbers: tuple[str, ...]) -> None:
    assert complained_about({"complained_about": said}) == numbers
    assert complained_about({}) == ()


SON = {"name": "张小三", "relation": "son", "contact": {"phone": "+8613900000000"}}


def test_whoever_acts_for_the_customer_is_asked_to_show_that_they_may() -> None:
    case = open_case(representative=SON)
    assert AUTHORISATION.fact in case.missing_facts
    whys = {need["fact"]: need["why"] for need in missing_facts(case, POLICY)}
    assert whys[AUTHORISATION.fact] == AUTHORISATION.why["zh"]


@pytest.mark.parametrize("proof", ["consent", "document"])
def test_whoever_has_shown_it_is_not_asked_again(proof: str) -> None:
    case = open_case(representative={**SON, "proof": proof})
    assert AUTHORISATION.fact not in case.missing_facts
    assert case.representative is not None
    assert case.representative.relation == "son"
