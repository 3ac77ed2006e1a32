"""What each act of the script does to a case, by the words of the walkthrough.

Owns the table act -> effect. What was due before an act has happened when it comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from schemas.vocabulary import Category, RungReason, Side
from services.local.demo.expected.ladder import (
    TO_AGENT,
    TO_AGENTS_INBOX,
    TO_GROUP,
    Ladder,
    is_promise,
)
from services.local.demo.expected.rules import UnforeseenError
from services.local.demo.expected.timers import (
    ACKNOWLEDGEMENT,
    PROMISE,
    RUNG,
    Timer,
)
from services.local.demo.plots import CHAT, REPORT_AGAIN, duration
from services.local.demo.script import REPORT, Act

AGENT_SPOKE: Final = "agent.spoke"


def carry_out(ladder: Ladder, act: Act) -> None:
    """The effect of one act. Raises `UnforeseenError` for an act without an entry here."""
    effect = _EFFECTS.get(act.do)
    if effect is None:
        raise UnforeseenError(f"{act.do} of {act.case.name} is not in the forecast's table")
    effect(ladder, act)


def _report(ladder: Ladder, act: Act) -> None:
    ladder.begin(ladder.rules.pack.ladder.entry, "case.opened", act.at)


def _nothing(ladder: Ladder, act: Act) -> None:
    """Recorded; nobody is told and no clock cares."""


def _spoke(ladder: Ladder, at: datetime, event: str) -> None:
    """An agent spoke to the customer: clocks that wait for that are met or begin again."""
    heard = {event, AGENT_SPOKE}
    for timer in [timer for timer in ladder.timers if timer.rule is not None]:
        rule = timer.rule
        if rule is not None and not heard.isdisjoint(rule.stops_on):
            ladder.end(timer.name)
        elif rule is not None and not heard.isdisjoint(rule.restarts_on):
            ladder.end(timer.name)
            ladder.start(rule, at)


def _reply(ladder: Ladder, act: Act) -> None:
    ladder.tell("customer_replied_to")
    _spoke(ladder, act.at, "customer.replied_to")


def _ask(ladder: Ladder, act: Act) -> None:
    ladder.tell("customer_asked")
    _spoke(ladder, act.at, "customer.asked")
    ladder.status = "waiting_customer"
    ladder.pause("waiting_customer", act.at)


def _provide(ladder: Ladder, act: Act) -> None:
    ladder.status = "open"
    ladder.resume(act.at, "waiting_customer")


def _wait_third_party(ladder: Ladder, act: Act) -> None:
    ladder.status = "waiting_third_party"
    ladder.pause("waiting_third_party", act.at)


def _third_party_answered(ladder: Ladder, act: Act) -> None:
    ladder.status = "open"
    ladder.resume(act.at, "waiting_third_party")


def _promise(ladder: Ladder, act: Act) -> None:
    ladder.tell("promise_made")
    _spoke(ladder, act.at, "promise.made")
    by_when = datetime.fromisoformat(act.body["by_when"])
    ladder.run(Timer(PROMISE, act.at, frozenset(), fixed_at=by_when), act.at)


def _keep_promise(ladder: Ladder, act: Act) -> None:
    ladder.timers = [timer for timer in ladder.timers if not is_promise(timer)]


def _classify(ladder: Ladder, act: Act) -> None:
    if any(timer.name in {RUNG, ACKNOWLEDGEMENT} for timer in ladder.timers):
        raise UnforeseenError("the forecast reclassifies below the senior rung only")
    category = Category(act.body["category"])
    ladder.category, ladder.lane = category, ladder.rules.pack.categories[category].lane
    rules = {rule.name: rule for rule in ladder.rules.clocks(ladder.lane)}
    for timer in ladder.timers:
        if timer.name in rules:
            timer.spend_other(ladder.rules, rules[timer.name])


def _resolve(ladder: Ladder, act: Act) -> None:
    ladder.tell("case_resolved")
    ladder.stop("resolved")


def _close(ladder: Ladder, act: Act) -> None:
    ladder.tell("case_closed")
    ladder.stop("withdrawn" if act.do == "withdraw" else "closed")


def _merge(ladder: Ladder, act: Act) -> None:
    ladder.stop("merged")


def _reopen(ladder: Ladder, act: Act) -> None:
    ladder.begin(ladder.rules.pack.ladder.reopen_entry, "case.reopened", act.at)


def _claim(ladder: Ladder, act: Act) -> None:
    ladder.holder = act.by["id"]
    ladder.tell("holder_changed")


def _recuse(ladder: Ladder, act: Act) -> None:
    ladder.holder = None
    ladder.tell("group_freed", TO_GROUP)


def _hand_over(ladder: Ladder, act: Act) -> None:
    if ladder.holder is not None:
        ladder.tell("holder_relieved", TO_AGENTS_INBOX)
    ladder.holder = act.body["to_agent"]
    ladder.tell("holder_changed")
    ladder.tell("holder_brief", TO_AGENT)


def _acknowledge(ladder: Ladder, act: Act) -> None:
    ladder.end(ACKNOWLEDGEMENT)
    lasts = act.body.get("for")
    ladder.acknowledged_until = act.at + duration(lasts) if lasts else None


def _escalate(ladder: Ladder, act: Act) -> None:
    by_customer = act.by["role"] == "customer"
    reason = RungReason.CUSTOMER_ASKED if by_customer else RungReason.AGENT_ASKED
    target = act.body.get("to") or ladder.rules.rung(ladder.rung).then
    if target is None:
        raise UnforeseenError(f"{act.case.name} is on the highest rung")
    ladder.climb(target, reason, act.at)


def _de_escalate(ladder: Ladder, act: Act) -> None:
    lower = ladder.rules.pack.ladder.rungs[: ladder.rules.height(ladder.rung)]
    target = [rung.name for rung in lower if rung.side is Side.OPERATOR][-1]
    ladder.enter(target, RungReason.DE_ESCALATED, act.at)


def _pause(ladder: Ladder, act: Act) -> None:
    until = act.body.get("until")
    latest = act.at + ladder.rules.pack.pauses.cap
    ladder.pause_ends_at = datetime.fromisoformat(until) if until else latest
    ladder.pause("agent", act.at)


def _resume(ladder: Ladder, act: Act) -> None:
    ladder.resume(act.at, "agent")


def _accept(ladder: Ladder, act: Act) -> None:
    rung = act.body["rung"]
    _, visit = ladder.offers.pop(rung)
    ladder.tell("offer_accepted")
    ladder.enter(rung, RungReason.OFFER_ACCEPTED, act.at, visit)


def _decline(ladder: Ladder, act: Act) -> None:
    del ladder.offers[act.body["rung"]]
    ladder.climb_on(act.body["rung"], RungReason.OFFER_DECLINED, act.at)


_EFFECTS: Final[Mapping[str, Callable[[Ladder, Act], None]]] = {
    REPORT: _report,
    REPORT_AGAIN: _nothing,
    CHAT: _nothing,
    "consent": _nothing,
    "reply": _reply,
    "ask_customer": _ask,
    "provide": _provide,
    "wait_third_party": _wait_third_party,
    "third_party_answered": _third_party_answered,
    "promise": _promise,
    "keep_promise": _keep_promise,
    "classify": _classify,
    "resolve": _resolve,
    "confirm": _close,
    "close": _close,
    "withdraw": _close,
    "merge": _merge,
    "reopen": _reopen,
    "claim": _claim,
    "recuse": _recuse,
    "hand_over": _hand_over,
    "acknowledge": _acknowledge,
    "escalate": _escalate,
    "de_escalate": _de_escalate,
    "pause": _pause,
    "resume": _resume,
    "accept_offer": _accept,
    "decline_offer": _decline,
}
