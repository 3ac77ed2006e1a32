"""Commands are a closed set of closed models."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.core.commands import COMMAND
from services.intake.core.decide import DECISIONS
from services.intake.core.lifecycle import CommandName
from tests.support.cases import AGENT

BODIES: dict[str, dict[str, Any]] = {
    "reply": {"text": "您好", "channel": "phone"},
    "ask_customer": {"text": "请发凭证", "facts": ["evidence.payment_receipt"]},
    "wait_third_party": {"party": "bank", "reference": "r-1"},
    "third_party_answered": {"text": "sent back"},
    "provide": {"facts": {"counterparty_contacted": True}},
    "promise": {"what": "call back", "by_when": "2026-11-21T10:00:00+08:00"},
    "keep_promise": {"promise": "00000000-0000-0000-0000-000000000001"},
    "classify": {"category": "refund", "severity": "high", "reason": "read it"},
    "verify_identity": {"method": "id card"},
    "consent": {"to": "social", "wording": "May we?", "given": True},
    "record_act": {"act": "final_response_sent", "at": "2026-11-20T10:00:00+08:00"},
    "resolve": {"outcome": "refunded", "summary": "paid back"},
    "confirm": {},
    "reopen": {"reason": "still missing"},
    "withdraw": {"reason": "found it"},
    "close": {"reason": "no answer"},
    "merge": {"into": "00000000-0000-0000-0000-000000000002"},
    "split": {"contacts": ["00000000-0000-0000-0000-000000000003"]},
}


@pytest.mark.parametrize("name", list(CommandName))
def test_each_command_reads_as_json(name: CommandName) -> None:
    body = {"command": name.value, "by": AGENT, **BODIES[name]}
    command = COMMAND.validate_json(json.dumps(body))
    assert command.command is name
    assert type(command) in DECISIONS


@pytest.mark.parametrize("name", list(CommandName))
def test_unknown_fields_are_refused(name: CommandName) -> None:
    body = {"command": name.value, "by": AGENT, **BODIES[name], "sneaky": 1}
    with pytest.raises(ValidationError) as error:
        COMMAND.validate_python(body)
    assert error.value.errors()[0]["loc"] == (name.value, "sneaky")


@pytest.mark.parametrize("field", ["by", "text"])
def test_missing_fields_are_named(field: str) -> None:
    body = {"command": "reply", "by": AGENT, **BODIES["reply"]}
    del body[field]
    with pytest.raises(ValidationError) as error:
        COMMAND.validate_python(body)
    assert error.value.errors()[0]["loc"] == ("reply", field)


def test_unknown_commands_are_refused() -> None:
    with pytest.raises(ValidationError):
        COMMAND.validate_python({"command": "delete", "by": AGENT})
