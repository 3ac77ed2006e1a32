"""One history from its description to its verdict.

Owns what a history is (script, faults, the seed of its order), how it is drawn from one number, and
the comparison with the same script undisturbed. Runs nothing else.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from traceback import format_exc
from typing import Any, Final

import structlog

from tests.simulation import faults, inputs
from tests.simulation.conduct import Conduct
from tests.simulation.faults import Fault
from tests.simulation.inputs import Input
from tests.simulation.invariants import Remains, remains, violations
from tests.simulation.stores import in_memory
from tests.simulation.world import Stores, World

OF_ONE_SCRIPT: Final = 8
"""So many neighbouring seeds disturb the same script."""
_JUDGED: Final = ("dead_letter", "fork")
"""What is logged as an error, and is counted among what is left."""
_REMEMBERED: Final = 8
_TWINS: dict[tuple[Input, ...], Verdict] = {}


@dataclass(frozen=True, slots=True)
class History:
    """Everything that decides what happens; the same history happens the same way."""

    script: tuple[Input, ...]
    faults: tuple[Fault, ...] = ()
    order: int | None = None
    """The seed of the order of steps; None: one after another, as undisturbed as can be."""


@dataclass
class Verdict:
    """What came of it."""

    violations: list[str]
    passes: Mapping[str, int] = field(default_factory=dict)
    struck: tuple[Fault, ...] = ()
    state: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    turns: int = 0


async def undisturbed(script: tuple[Input, ...]) -> Verdict:
    """The script without a fault, in the plainest order."""
    if script not in _TWINS:
        if len(_TWINS) >= _REMEMBERED:
            _TWINS.clear()
        _TWINS[script] = await run(History(script))
    return _TWINS[script]


async def drawn(seed: int) -> tuple[History, Verdict]:
    """The history of a seed, with the verdict on its undisturbed twin.

    Neighbouring seeds disturb the same script in different ways, and share its twin.
    """
    script = inputs.draw(random.Random(seed // OF_ONE_SCRIPT))
    rng = random.Random(f"faults {seed}")
    twin = await undisturbed(script)
    return History(script, faults.draw(rng, twin.passes), rng.getrandbits(32)), twin


async def run(history: History, stores: Stores = in_memory) -> Verdict:
    """Let it happen; judge what is left."""
    rng = None if history.order is None else random.Random(history.order)
    world = World(history.faults, rng)
    conduct = Conduct(world)
    with _errors() as errors:
        try:
            await world.open(stores)
            await conduct.run(history.script)
            left = await remains(world, conduct)
            broken = violations(left) + errors
        except Exception:
            return Verdict([format_exc(), *errors], world.misfortune.passes)
        finally:
            await world.close()
    return Verdict(
        broken,
        world.misfortune.passes,
        tuple(world.misfortune.struck),
        business_state(left),
        _digest(left),
        world.turns,
    )


async def judge(history: History, stores: Stores = in_memory) -> Verdict:
    """Run it and compare it with its undisturbed twin."""
    verdict = await run(history, stores)
    twin = await undisturbed(history.script)
    verdict.violations += twin.violations + differences(twin, verdict)
    return verdict


def differences(twin: Verdict, verdict: Verdict) -> list[str]:
    """Where faults changed what came of the same script.

    A leap of time is no fault of the services: other things happen at other instants then.
    """
    leapt = any(fault.kind == "leap" for fault in verdict.struck)
    if leapt or not (twin.state and verdict.state):
        return []
    return [
        f"not the same as undisturbed: {name}: {twin.state[name]} became {verdict.state[name]}"
        for name in twin.state
        if twin.state[name] != verdict.state[name]
    ]


def business_state(left: Remains) -> dict[str, Any]:
    """What people would call the outcome: statuses, rungs, offers, who was told what, answers."""
    intake, ladder, told = (left.tables[name] for name in ("intake", "escalation", "notifier"))
    rung = ("case_id", "episode", "rung", "visit")
    return {
        "cases": _of(intake["case_line"], "case_id", "status", "episode", "category"),
        "rungs": _of(ladder["rung"], *rung),
        "offers": _of(ladder["rung_offer"], *rung),
        "queues": _of(ladder["queue"], "case_id", "owner_group", "holder", "rung", "next_due"),
        "deadlines": _of(ladder["firing"], "case_id", "episode", "what", "cycle", "due_at"),
        "actions": _of(ladder["action"], "action_id"),
        "told": _of(told["delivery"], "key", "template", "recipient", "channel", "status"),
        "events": Counter(
            f"{row['entity']} {row['type']}"
            for service in left.tables.values()
            for row in service["log"]
        ),
        "answers": left.conduct.answers,
    }


def _of(rows: list[dict[str, Any]], *names: str) -> list[str]:
    return sorted(" ".join(str(row[name]) for name in names) for row in rows)


def _digest(left: Remains) -> str:
    """Of every byte that was ever sent, in order: what replays exactly has the same."""
    digest = sha256()
    for record in left.world.broker.heard:
        digest.update(repr((record.topic, record.partition, record.key, record.value)).encode())
    for mail in left.world.around.mailbox:
        digest.update(mail.model_dump_json().encode())
    return digest.hexdigest()


@contextmanager
def _errors() -> Iterator[list[str]]:
    """Collect what the services log as errors, and print nothing."""
    found: list[str] = []

    def collect(_: Any, method: str, event: Any) -> Any:
        if method in ("error", "critical", "exception") and event["event"] not in _JUDGED:
            told = format_exc() if event.get("exc_info") else str(dict(event))
            found.append(f"logged: {event['event']}: {told}")
        raise structlog.DropEvent

    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [collect]
    try:
        yield found
    finally:
        processors[:] = before
