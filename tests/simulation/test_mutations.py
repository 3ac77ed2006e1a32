"""The simulation can fail: each of these defects, put into the services, is found by few seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.intake.working import Working
from services.kit import batch, foreign, gap, grouped, idempotency
from services.kit.consumer import Consumer
from services.kit.entities import Position
from services.kit.gap import Verdict
from services.kit.relay import Relay
from services.kit.timers import Timers
from services.kit.unit import Unit
from services.notifier.courier import Courier
from tests.simulation import history
from tests.simulation.campaign import campaign
from tests.simulation.faults import Fault
from tests.simulation.history import OF_ONE_SCRIPT, History
from tests.simulation.inputs import Input

MANY = 60
Patch = pytest.MonkeyPatch


def without_the_seen_verdict(patch: Patch) -> None:
    """What came before is taken again."""

    def judge(*arguments: Any) -> Verdict:
        found = gap.judge(*arguments)
        return Verdict.NEXT if found is Verdict.SEEN else found

    patch.setattr(batch, "judge", judge)


def without_the_gap_verdict(patch: Patch) -> None:
    """Whatever comes is next."""

    def judge(*arguments: Any) -> Verdict:
        found = gap.judge(*arguments)
        return Verdict.NEXT if found in (Verdict.GAP, Verdict.FORK) else found

    patch.setattr(batch, "judge", judge)


def without_waiting_for_the_cause(patch: Patch) -> None:
    """`after` is not looked at."""

    def judge(*arguments: Any) -> Verdict:
        found = gap.judge(*arguments)
        return Verdict.NEXT if found is Verdict.NOT_YET else found

    patch.setattr(batch, "judge", judge)


def without_seeing_foreign_messages(patch: Patch) -> None:
    """The insert that remembers a foreign message is forgotten."""

    async def unseen(_: Unit, items: Sequence[Any]) -> list[Any]:
        return list({foreign.identity(item): item for item in items}.values())

    patch.setattr(batch, "unseen", unseen)


def without_idempotency_keys(patch: Patch) -> None:
    """A request that comes again is done again."""

    async def do(unit: Unit, _: Any, work: Any) -> Any:
        return idempotency.respond(await work(unit))

    async def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    patch.setattr(idempotency, "_in", do)
    patch.setattr(grouped, "_known", nothing)
    patch.setattr(grouped, "_remember", nothing)


def with_a_relay_that_forgets(patch: Patch) -> None:
    """Positions are deleted though the broker refused them."""
    publish = Relay._publish

    async def forgetful(self: Relay, rows: Sequence[Any]) -> None:
        from services.kit.unit import QUERIES

        positions = [row["pos"] for row in rows]
        await self._entities.db.execute(QUERIES["published"], positions, "{}")
        await publish(self, rows)

    patch.setattr(Relay, "_publish", forgetful)
    patch.setattr("services.kit.upkeep.Upkeep._ask_for_gaps", _nothing)


async def _nothing(*_: Any) -> None:
    return None


def without_republishing(patch: Patch) -> None:
    """A broker that forgot everything is not noticed."""
    patch.setattr(Relay, "republish", _nothing)


def with_a_consumer_that_gives_up(patch: Patch) -> None:
    """A lost connection loses the batch: the offsets are committed all the same."""
    take = Consumer._take

    async def careless(self: Consumer, items: Sequence[Any], fetched: Any) -> None:
        from services.kit.db import RETRYABLE_ERRORS

        try:
            await take(self, items, fetched)
        except RETRYABLE_ERRORS:
            return

    patch.setattr(Consumer, "_take", careless)
    patch.setattr("services.kit.upkeep.Upkeep._ask_for_gaps", _nothing)


def with_timers_that_are_early(patch: Patch) -> None:
    """What is due within ten minutes fires now."""
    from datetime import timedelta

    decide = Timers._decide
    rest_s = Timers._rest_s

    def early(self: Timers, unit: Unit, entity: Any, beats: Any) -> Any:
        return decide(self, unit, entity, beats)

    patch.setattr(Timers, "_decide", early)
    patch.setattr(Timers, "_rest_s", rest_s)
    patch.setattr(Unit, "now_for", lambda self, _: self.now + timedelta(minutes=10))


def with_a_broken_chain(patch: Patch) -> None:
    """An event that is retried does not link to the one before."""
    seal = Unit._seal

    def unlinked(self: Unit, pending: Any) -> Any:
        if pending.entity is not None and pending.sequence % 5 == 0:
            pending.entity.outputs[pending.topic] = Position(pending.sequence, b"")
        return seal(self, pending)

    patch.setattr(Unit, "_seal", unlinked)


def with_reports_of_no_identity(patch: Patch) -> None:
    """The identity of an admitted report is not written."""
    note = Working._note_admission

    def forgetful(self: Working, *arguments: Any) -> None:
        note(self, *arguments)
        self._admitted.clear()

    patch.setattr(Working, "_note_admission", forgetful)


def with_a_courier_that_settles_first(patch: Patch) -> None:
    """Attempts count as settled before their transaction has committed."""
    settle = Courier._settle

    async def hasty(self: Courier) -> None:
        try:
            await settle(self)
        finally:
            self._attempts.clear()

    patch.setattr(Courier, "_settle", hasty)
    patch.setattr(Courier, "_claim", _fresh_only(Courier._claim))


def _fresh_only(claim: Any) -> Any:
    async def fresh(self: Courier, free: int) -> list[Any]:
        return [leased for leased in await claim(self, free) if leased.attempts == 1]

    return fresh


MUTATIONS: list[Callable[[Patch], None]] = [
    without_the_seen_verdict,
    without_the_gap_verdict,
    without_waiting_for_the_cause,
    with_a_relay_that_forgets,
    with_a_consumer_that_gives_up,
    with_timers_that_are_early,
    with_a_broken_chain,
    with_reports_of_no_identity,
    with_a_courier_that_settles_first,
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
async def test_a_defect_is_found(mutation: Callable[[Patch], None], monkeypatch: Patch) -> None:
    history._TWINS.clear()  # twins, too, run with the defect, and only here
    mutation(monkeypatch)
    account = await campaign(range(0, MANY * OF_ONE_SCRIPT, OF_ONE_SCRIPT), least=False)
    history._TWINS.clear()
    assert account.failures, f"{MANY} histories did not notice"


REPORT = Input("report", 0, "http funds_not_received")
FACT = Input("fact", 0, "kafka")
REPLY = Input("case", 0, "reply")
NARROW: list[tuple[Callable[[Patch], None], tuple[Input, ...], str, str]] = [
    (without_idempotency_keys, (REPORT, REPLY), "commit", "lost_after"),
    (without_seeing_foreign_messages, (REPORT, FACT, FACT), "tick", "echo"),
    (without_republishing, (REPORT, REPLY), "tick", "forget"),
]


@pytest.mark.parametrize(("mutation", "script", "point", "kind"), NARROW)
async def test_a_defect_that_needs_one_fault_at_one_place_is_found(
    mutation: Callable[[Patch], None],
    script: tuple[Input, ...],
    point: str,
    kind: str,
    monkeypatch: Patch,
) -> None:
    """Drawn histories meet these in some hundreds only: here every place is tried."""

    async def broken() -> int:
        history._TWINS.clear()
        twin = await history.undisturbed(script)
        found = 0
        for place in range(twin.passes[point]):
            disturbed = History(script, (Fault(point, place, kind, 7),))
            found += bool((await history.judge(disturbed)).violations)
        history._TWINS.clear()
        return found

    assert await broken() == 0
    mutation(monkeypatch)
    assert await broken() > 0
