"""The document survives its rest; answers say what the walkthrough says."""

from __future__ import annotations

import json

from schemas.report import Contact
from services.intake.core.arrive import arrive, spoke
from services.intake.core.decide import decide
from services.intake.core.state import Case, case_id
from services.intake.core.views import summary, whole
from tests.support.cases import NOW, POLICIES, POLICY, command, open_case, taken


def busy_case() -> Case:
    case = taken(decide(open_case(), command("ask_customer", text="?"), POLICIES, NOW)).case
    case = taken(
        arrive(case, spoke(Contact.model_validate({"channel": "chat"}), NOW), POLICY, NOW)
    ).case
    given = command("consent", to="regulator", wording="May we?", given=True)
    return taken(decide(case, given, POLICIES, NOW)).case


def test_the_document_reads_back_as_it_was() -> None:
    case = busy_case()
    assert Case.from_bytes(case.to_bytes()) == case


def test_a_field_of_a_newer_release_does_not_disturb() -> None:
    document = {**json.loads(busy_case().to_bytes()), "from_the_future": 1}
    assert Case.from_bytes(json.dumps(document).encode()) == busy_case()


def test_identities_do_not_run_together() -> None:
    assert case_id("a", "bc") != case_id("ab", "c")


def test_the_answer_to_a_report() -> None:
    body = summary(open_case(), "cases:1", POLICY)
    assert body["triage"]["category"] == {"value": "funds_not_received", "reason": "stated"}
    assert body["missing_facts"] == [
        {"fact": "evidence.payment_receipt", "why": "付款凭证能证明转账已发出。"}
    ]
    assert (body["status"], body["severity"], body["lane"]) == ("open", "normal", "ordinary")
    assert body["position"] == "cases:1"


def test_the_whole_case_is_json_and_tells_its_story() -> None:
    body = json.loads(json.dumps(whole(busy_case(), "cases:5", POLICY)))
    assert [contact["channel"] for contact in body["contacts"]] == ["phone", "chat"]
    assert body["contacts"][0]["agent"]["staff_number"] == "A1024"
    assert [line["event"] for line in body["timeline"]] == [
        "case.opened",
        "customer.asked",
        "contact.added",
        "customer.answered",
        "consent.given",
    ]
    assert body["timeline"][1]["detail"]["text"] == "?"
    assert body["transaction"]["amount"] == "1280.00"
    assert "subject" not in body
