"""What customers, agents and other backends do in a history: data, drawn from a seed.

Owns the script and its wording. Never says when something goes wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from tests.simulation.store.contract import EPOCH

AGENT: Final = {"role": "agent", "id": "A1024", "name": "李四"}
CUSTOMER: Final = {"role": "customer", "id": "cust"}
SOURCE: Final = "simulated"


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that happens. `kind`: report, again, same_matter, contact, fact, case, ladder,
    answer, garbage (each about a `case`), or advance: the clock goes on by `amount` due instants.
    """

    kind: str
    case: int = 0
    name: str = ""
    amount: int = 0

    def __str__(self) -> str:
        return " ".join(
            str(part) for part in (self.kind, self.case, self.name, self.amount) if part != ""
        )


CASE_COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "reply": {"text": "we look into it", "channel": "chat"},
    "ask_customer": {"text": "please send", "facts": ["evidence.payment_receipt"]},
    "wait_third_party": {"party": "bank"},
    "third_party_answered": {"text": "they say no"},
    "provide": {"facts": {"receipt_number": "r-1"}},
    "promise": {"what": "we call", "by_when": "2026-11-26T02:00:00Z"},
    "verify_identity": {"method": "call back"},
    "consent": {"to": "social", "wording": "w", "given": True},
    "classify": {"category": "refund", "reason": "it is one"},
    "resolve": {"outcome": "paid back"},
    "confirm": {},
    "reopen": {"reason": "not solved"},
    "withdraw": {"reason": "no more"},
    "close": {"reason": "long silent"},
}
LADDER_COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "claim": {},
    "release": {},
    "acknowledge": {},
    "escalate": {"reason": "hard"},
    "de_escalate": {"reason": "easy"},
    "pause": {"reason": "waits"},
    "resume": {},
    "request_action": {"action": "freeze"},
    "accept_offer": {"rung": "social", "by": CUSTOMER},
    "decline_offer": {"rung": "social", "reason": "no", "by": CUSTOMER},
}
_CATEGORIES: Final = ("funds_not_received", "unauthorised_transaction", "app_fault", "refund")
_ENDS: Final = ("resolve", "confirm", "reopen", "withdraw", "close")


def draw(rng: random.Random) -> tuple[Input, ...]:
    """A script of two or three cases: how each begins, then anything, then days go by."""
    cases = rng.randint(2, 3)
    script = [
        Input("report", case, f"{rng.choice(('http', 'kafka'))} {rng.choice(_CATEGORIES)}")
        for case in range(cases)
    ]
    if rng.random() < 0.3:  # news of a case that may not be known yet
        script.append(Input("fact", cases - 1, "early"))
    script += [_anything(rng, rng.randrange(cases)) for _ in range(rng.randint(5, 9))]
    return tuple(script)


def _anything(rng: random.Random, case: int) -> Input:
    kind = rng.choices(
        (
            "advance",
            "case",
            "end",
            "ladder",
            "contact",
            "fact",
            "again",
            "same_matter",
            "answer",
            "garbage",
        ),
        (5, 5, 2, 4, 1, 1, 1, 1, 1, 0.5),
    )[0]
    if kind == "advance":
        return Input("advance", amount=rng.randint(1, 4))
    if kind == "case":
        return Input("case", case, rng.choice([n for n in CASE_COMMANDS if n not in _ENDS]))
    if kind == "end":
        return Input("case", case, rng.choice(_ENDS))
    if kind == "ladder":
        return Input("ladder", case, rng.choice(list(LADDER_COMMANDS)))
    if kind == "answer":
        return Input(
            "answer", case, rng.choice(("action.accepted", "action.done", "action.refused"))
        )
    return Input(kind, case, rng.choice(("http", "kafka")))


def report(case: int, category: str, external_id: str) -> dict[str, Any]:
    """The body of a report."""
    return {
        "source": SOURCE,
        "external_id": external_id,
        "category": category,
        "description": "转账显示成功,对方没有收到",
        "occurred_at": EPOCH.isoformat(),
        "customer": {
            "id": f"cust-{case}",
            "name": "张三",
            "locale": "zh-CN" if case else "en",
            "time_zone": "Asia/Shanghai",
            "email": f"c{case}@example.com",
        },
        "contact": contact(external_id),
        "transaction": {"id": f"tx-{case}", "amount": "12.50", "currency": "CNY"},
    }


def contact(external_id: str) -> dict[str, Any]:
    """A contact on its own."""
    return {"channel": "phone", "external_id": external_id, "summary": "来电"}
