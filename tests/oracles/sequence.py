"""Vectors that tell a whole story: messages and states on one item, its clocks checked on the way.

Owns: which of the product's clocks a published event touches. The clocks themselves, their
pauses, due instants and measured times are the product's.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from services.escalation.core.clock import (
    Clock,
    ClockSpec,
    Sender,
    UpdateRule,
    after_message,
    elapsed,
    elapsed_time,
    open_pause,
    pause,
    reopen,
    resume,
    start,
    stop,
)
from tests.oracles.checkpoint import checkpoint
from tests.oracles.item import Item
from tests.oracles.vector import Outcome, Vector, business_time

PAUSING_BY_NAME: Final = frozenset({"waiting", "pending", "on hold", "stalled", "closed"})
DONE: Final = frozenset({"resolved", "closed"})
UPDATE_RULES: Final = {
    "next_update": UpdateRule.ANSWER_CUSTOMER,
    "next_update_after_agent": UpdateRule.KEEP_INFORMED,
    "response": UpdateRule.ANSWER_CUSTOMER,
}

Event = Mapping[str, Any]


def escalation_sequence(vector: Vector) -> Outcome:
    item = _opened(vector)
    wanted = {each["after_step"] for each in vector.expected.get("checkpoints", ())}
    found, started, previous = [], {}, None
    steps: list[Event] = [{"step": 0, "type": "check"}, *vector.input["events"]]
    for event in steps:
        _apply(item, event)
        started[str(event["step"])] = dict(item.escalated)
        if event["step"] in wanted:
            asserted = {"after_step": event["step"], **checkpoint(item, previous)}
            previous = item.next_due or previous
            found.append(asserted)
    return {"checkpoints": found, "cumulative_start_events": started}


def _opened(vector: Vector) -> Item:
    given = vector.input
    targets = dict(given["targets"])
    single = given.get("clock_model") == "single due date"
    if single and "first_response" in targets:
        # There one target answers every customer message, the first as well as later ones.
        targets["response"] = targets.pop("first_response")
    pausing = given.get("pausing_states")
    item = Item(
        time=vector.time,
        created=vector.instant("created"),
        targets=targets,
        pausing=frozenset(pausing) if pausing is not None else PAUSING_BY_NAME,
        single_due=single,
        levels=given.get("levels", []),
    )
    for name in set(targets) - set(UPDATE_RULES):
        item.clocks[name] = start(item.spec(name), item.created, item.time.calendar.digest)
    if given.get("initial_state") in item.pausing:
        _enter_state(item, given["initial_state"], item.created)
    return item


def _apply(item: Item, event: Event) -> None:
    at = datetime.fromisoformat(event["at"]) if "at" in event else item.now or item.created
    item.now = max(at, item.now or at)
    HANDLERS[event["type"]](item, event, at)


def _ignore(item: Item, event: Event, at: datetime) -> None:
    """Nothing that a clock listens to."""


def _check(item: Item, event: Event, at: datetime) -> None:
    for name in item.clocks:
        due_at = item.due_at(name)
        missed = due_at is not None and due_at <= at
        item.escalated[name] = item.escalated.get(name, 0) or int(missed)


def _customer_message(item: Item, event: Event, at: datetime) -> None:
    if event.get("owner_is_requestor"):
        return
    _message(item, Sender.CUSTOMER, at)
    if item.waiting is None:
        item.waiting = start(ClockSpec("wait", elapsed(timedelta(0))), at, item.digest)


def _agent_message(item: Item, event: Event, at: datetime) -> None:
    _message(item, Sender.AGENT, at)
    if item.waiting is not None:
        item.replied_at.append(elapsed_time(item.waiting, item.time, at))
        item.waiting = None


def _message(item: Item, sender: Sender, at: datetime) -> None:
    for name, rule in UPDATE_RULES.items():
        if name not in item.targets or (
            rule is UpdateRule.KEEP_INFORMED
            and sender is Sender.CUSTOMER
            and name not in item.clocks
        ):
            continue
        before = item.clocks.get(name)
        after = after_message(before, rule, sender, at, (item.spec(name), item.digest))
        if after is not None:
            item.clocks[name] = after
            _remember_exchange(item, name, before, after)


def _remember_exchange(item: Item, name: str, before: Clock | None, after: Clock) -> None:
    if before is not None and before.stopped_at is None and after.stopped_at is not None:
        measured = elapsed_time(after, item.time, after.stopped_at)
        item.exchanges[name] = max(measured, item.exchanges.get(name, measured))


def _first_response(item: Item, event: Event, at: datetime) -> None:
    _stop(item, "first_response", at)


def _agent_reply(item: Item, event: Event, at: datetime) -> None:
    _first_response(item, event, at)
    _agent_message(item, event, at)


def _resolved(item: Item, event: Event, at: datetime) -> None:
    _stop(item, "resolution", at)


def _stop(item: Item, name: str, at: datetime) -> None:
    if name in item.clocks:
        item.clocks[name] = stop(item.clocks[name], at, "done").clock


def _state(item: Item, event: Event, at: datetime) -> None:
    state = event["state"]
    if state == "replied":
        _agent_reply(item, event, at)
    if state == "resolved":
        _first_response(item, event, at)
    if state in DONE and state not in item.pausing:
        _resolved(item, event, at)
    elif state not in DONE:
        _reopen(item, at)
    _enter_state(item, state, at)


def _reopen(item: Item, at: datetime) -> None:
    resolution = item.clocks.get("resolution")
    if resolution is not None and resolution.stopped_at is not None:
        item.clocks["resolution"] = reopen(resolution, at, "customer").clock


def _enter_state(item: Item, state: str, at: datetime) -> None:
    item.paused = state in item.pausing
    for name, clock in item.clocks.items():
        held = open_pause(clock, at) is not None
        if item.paused and not held:
            item.clocks[name] = pause(clock, at, state, "oracle").clock
        elif held and not item.paused:
            item.clocks[name] = resume(clock, at).clock


def _policy_changed(item: Item, event: Event, at: datetime) -> None:
    item.targets = dict(event.get("targets", item.targets))
    if "calendar" in event:
        item.time = business_time(event["calendar"])
    item.clocks = {
        name: replace(clock, spec=item.spec(name), calendar_digest=item.digest)
        for name, clock in item.clocks.items()
        if name in item.targets
    }
    for name in set(item.targets) - set(UPDATE_RULES) - set(item.clocks):
        item.clocks[name] = start(item.spec(name), item.created, item.digest)


def _policy_gone(item: Item, event: Event, at: datetime) -> None:
    item.clocks, item.targets = {}, {}


HANDLERS: Final[Mapping[str, Callable[[Item, Event, datetime], None]]] = {
    "created_by_customer": _customer_message,
    "customer_message": _customer_message,
    "customer_reply": _customer_message,
    "customer_contact": _customer_message,
    "agent_contact": _agent_message,
    "first_response": _first_response,
    "agent_reply": _agent_reply,
    "internal_note": _ignore,
    "state": _state,
    "resolved": _resolved,
    "policy_changed": _policy_changed,
    "targets_changed": _policy_changed,
    "policy_no_longer_matches": _policy_gone,
    "check": _check,
}
