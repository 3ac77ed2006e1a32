"""A machine that tells a ladder anything, in any order, with crashes and jumps of the clock.

After every step the promises of issue 5 are checked: a rung once per visit, never early, none
skipped, paused never overdue, nothing after the end, exactly one holder, no offer taken without
consent; and at the end that the journal leads to the same ladder again.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.escalation import HolderChanged, OfferAccepted, RungEntered
from schemas.pack import AssignRule
from schemas.pack_clocks import Budget
from schemas.vocabulary import RungReason, Severity, Side
from services.escalation.core.assigning import Relieve, find_holder, seeks_holder
from services.escalation.core.commands import CommandRefusedError
from services.escalation.core.deadlines import (
    DeadlineKind,
    deadlines,
    honoured_pauses,
    is_paused,
)
from services.escalation.core.policy import Policy, compile_policy
from services.escalation.core.records import ClockRecord, OfferState, RungRecord
from services.escalation.core.replay import replay
from services.escalation.core.roster import Agent, KnownAgents, Roster
from services.escalation.core.state import LadderState
from tests.property.test_replay import without_texts
from tests.support.ladder import CASE, Ladder, wallet_policy

AGENTS: Final = ("A1", "A2", "B1", "B2", "C1")
GROUPS: Final = ("frontline", "senior", "technical_support", "written_care")
ROSTER: Final = Roster(
    agents={
        number: Agent(
            staff_number=number,
            name=number,
            groups={"A": GROUPS[:1], "B": GROUPS[1:3], "C": GROUPS[3:]}[number[0]],
            languages=("zh",),
        )
        for number in AGENTS
    },
    groups={},
    binding=True,
)
EVENTS: Final[dict[str, dict[str, Any]]] = {
    "customer.replied_to": {"channel": "phone"},
    "customer.asked": {"status": "waiting_customer"},
    "customer.answered": {"status": "open"},
    "case.waiting": {"status": "waiting_third_party", "waiting_for": "third_party"},
    "facts.added": {"names": ["complained_about"], "complained_about": ["A1"]},
    "consent.given": {"consent_to": "social", "wording_sha256": "0" * 64},
    "consent.revoked": {"consent_to": "social", "wording_sha256": "0" * 64},
    "identity.verified": {},
    "incident.linked": {"incident_id": CASE},
    "incident.updated": {"incident_id": CASE},
    "incident.unlinked": {"incident_id": CASE},
}
ENDINGS: Final[dict[str, dict[str, Any]]] = {
    "case.resolved": {},
    "case.confirmed": {},
    "case.withdrawn": {},
    "case.merged": {"into": uuid5(CASE, "other")},
}
COMMANDS: Final[dict[str, dict[str, Any]]] = {
    "claim": {},
    "release": {},
    "acknowledge": {"for": "PT2H"},
    "escalate": {"reason": "x"},
    "de_escalate": {"reason": "x"},
    "pause": {"reason": "x"},
    "resume": {},
    "recuse": {"reason": "x"},
    "hand_over": {"to_agent": "B1", "brief": "x"},
    "extend": {
        "clock": "resolution",
        "by_duration": "PT4H",
        "reason": "x",
        "approver": "S1",
    },
    "accept_offer": {"rung": "social", "role": "customer"},
    "decline_offer": {"rung": "social", "role": "customer"},
    "request_action": {"action": "freeze"},
}
BY_TIME: Final = frozenset(
    {RungReason.RUNG_BUDGET_SPENT, RungReason.ACKNOWLEDGEMENT_MISSED, RungReason.PROMISE_BROKEN}
)


@lru_cache(maxsize=1)
def busy_policy() -> Policy:
    """The shipped pack with everything switched on that a pack may say of people."""
    shipped = wallet_policy()
    two_hours = Budget(amount=timedelta(hours=2), unit="business", calendar="service_hours")
    changes: dict[str, dict[str, Any]] = {
        "frontline": {"assign": AssignRule(), "silent_after": two_hours},
        "senior": {"assign": AssignRule(most_cases=1), "fresh_eyes": True, "max_visits": 2},
    }
    ladder = shipped.pack.ladder
    rungs = tuple(rung.model_copy(update=changes.get(rung.name, {})) for rung in ladder.rungs)
    by_severity = {Severity.CRITICAL: "senior"}
    climbing = ladder.model_copy(update={"rungs": rungs, "entry_by_severity": by_severity})
    pack = shipped.pack.model_copy(update={"ladder": climbing})
    return compile_policy(pack, shipped.digest)


def _paused_since(clock: ClockRecord, state: LadderState) -> datetime:
    """When the earliest pause began that still holds a clock."""
    return min(
        pause.started_at for pause in honoured_pauses(clock, state) if pause.ended_at is None
    )


class LadderMachine(RuleBasedStateMachine):
    """One case; every rule is a trigger, every trigger may crash before its commit."""

    def __init__(self) -> None:
        super().__init__()
        self.ladder = Ladder(busy_policy())
        self.seen = 0
        self.taken_without_consent: list[str] = []

    @initialize(lane=st.sampled_from(["ordinary", "money_safety"]), verified=st.booleans())
    def open(self, lane: str, verified: bool) -> None:
        severity = "critical" if lane == "money_safety" else "normal"
        self.ladder.open(lane=lane, severity=severity, identity_verified=verified, locale="zh-CN")
        self._give_out()

    # What may happen

    @rule(name=st.sampled_from(sorted(EVENTS)), late=st.integers(0, 180), crash=st.booleans())
    def something_happens(self, name: str, late: int, crash: bool) -> None:
        if self.ladder.state.stopped is not None and name.startswith(("customer", "case")):
            return  # intake refuses it
        recorded = max(self.ladder.recorded_at, self.ladder.now - timedelta(minutes=late))
        fields = {"status": self.ladder.status, **EVENTS[name]}
        self._tell(crash, lambda: self.ladder.event(name, recorded, **fields))

    @rule(worse=st.booleans())
    def it_is_classified(self, worse: bool) -> None:
        severity, lane = ("critical", "money_safety") if worse else ("normal", "ordinary")
        classified = {"category": "refund", "severity": severity, "lane": lane}
        status = self.ladder.status
        self._tell(
            False,
            lambda: self.ladder.event(
                "case.classified", self.ladder.now, status=status, **classified
            ),
        )

    @rule(hours=st.integers(1, 30))
    def something_is_promised(self, hours: int) -> None:
        if self.ladder.state.stopped is None:
            promise = {"promise_id": uuid5(CASE, str(self.ladder.triggers))}
            by_when = self.ladder.later(hours=hours)
            self.ladder.event("promise.made", self.ladder.now, by_when=by_when, **promise)
            self._give_out()

    @precondition(lambda self: self.ladder.state.stopped is None)
    @rule(name=st.sampled_from(sorted(ENDINGS)))
    def it_ends(self, name: str) -> None:
        self.ladder.event(name, self.ladder.now, **ENDINGS[name])

    @precondition(lambda self: self.ladder.status in ("resolved", "closed"))
    @rule()
    def it_comes_back(self) -> None:
        self.ladder.event("case.reopened", self.ladder.now, episode=self.ladder.state.episode + 1)
        self._give_out()

    @rule(
        name=st.sampled_from(sorted(COMMANDS)),
        by=st.sampled_from([*AGENTS, "S1"]),
        crash=st.booleans(),
    )
    def somebody_orders(self, name: str, by: str, crash: bool) -> None:
        fields = {"role": "supervisor" if by == "S1" else "agent", **COMMANDS[name]}
        agents = KnownAgents({number: number for number in (*AGENTS, "S1")}, binding=True)
        before = self.ladder.document
        try:
            self._tell(crash, lambda: self.ladder.command(name, by=by, agents=agents, **fields))
        except CommandRefusedError:
            assert self.ladder.document == before

    @precondition(lambda self: self.ladder.state.actions)
    @rule(
        name=st.sampled_from(["action.accepted", "action.done", "action.refused"]),
        which=st.integers(-2, -1),
        crash=st.booleans(),
    )
    def a_backend_answers(self, name: str, which: int, crash: bool) -> None:
        which = max(which, -len(self.ladder.state.actions))
        self._tell(crash, lambda: self.ladder.answer(name, which))

    @rule(group=st.sampled_from(GROUPS), gone=st.booleans())
    def a_group_goes_or_comes(self, group: str, gone: bool) -> None:
        if gone:
            self.ladder.absent_groups.add(group)
        else:
            self.ladder.absent_groups.discard(group)

    @precondition(lambda self: self.ladder.state.place.holder is not None)
    @rule()
    def the_holder_is_absent(self) -> None:
        holder = self.ladder.state.place.holder
        assert holder is not None
        self.ladder.order(Relieve(staff_number=holder.staff_number))
        self._give_out()

    @rule(minutes=st.integers(1, 60 * 24 * 3), stale=st.booleans())
    def the_clock_jumps(self, minutes: int, stale: bool) -> None:
        """A long sleep of the timers, or a jump: nobody looked in between."""
        self.ladder.now += timedelta(minutes=minutes)
        self.ladder.real_now += timedelta(minutes=minutes)
        self._wake(stale=stale)

    @rule(crash=st.booleans(), twice=st.booleans())
    def the_timer_fires(self, crash: bool, twice: bool) -> None:
        if self.ladder.wake_at is not None:
            self.ladder.now = max(self.ladder.now, self.ladder.wake_at)
        self._tell(crash, lambda: self.ladder.wake(self.ladder.now))
        if twice:
            said = len(self.ladder.events)
            self.ladder.wake(self.ladder.now)
            assert len(self.ladder.events) == said

    # How it is told

    def _wake(self, *, stale: bool = False) -> None:
        self.ladder.wake(self.ladder.now, stale=stale)
        self._give_out()

    def _tell(self, crash: bool, trigger: Any) -> None:
        """A trigger whose transaction may be lost: the next attempt comes to the same."""
        if crash:
            kept = (
                self.ladder.document,
                list(self.ladder.events),
                list(self.ladder.requests),
                list(self.ladder.entries),
                list(self.ladder.decisions),
                self.ladder.triggers,
                self.ladder.status,
                self.ladder.recorded_at,
            )
            lost = trigger()
            (
                self.ladder.document,
                self.ladder.events,
                self.ladder.requests,
                self.ladder.entries,
                self.ladder.decisions,
                self.ladder.triggers,
                self.ladder.status,
                self.ladder.recorded_at,
            ) = kept
            again = trigger()
            assert again.document == lost.document
            assert again.events == lost.events
        else:
            trigger()
        self._give_out()

    def _give_out(self) -> None:
        """What the shell does in the same transaction: whoever seeks a holder is given one."""
        state = self.ladder.state
        if seeks_holder(state, self.ladder.now):
            found = find_holder(state, self.ladder.policy, ROSTER, {}, self.ladder.now)
            self.ladder.order(found, found.staff_number)

    # What must hold

    @invariant()
    def a_rung_is_entered_once_per_visit(self) -> None:
        entered = Counter(
            (event.episode, event.rung, event.visit)
            for event in self.ladder.events
            if isinstance(event, RungEntered)
        )
        assert max(entered.values(), default=1) == 1
        offered = Counter(event.offer_id for event in self.ladder.said("offer.made"))
        assert max(offered.values(), default=1) == 1
        for rung, visits in self.ladder.state.visits.items():
            assert visits <= self.ladder.policy.rungs[rung].max_visits

    @invariant()
    def nothing_fires_early(self) -> None:
        for decision in self.ladder.decisions[-3:]:
            assert all(firing.due_at <= firing.fired_at for firing in decision.firings)
        for record in self.ladder.state.history:
            assert record.due_at is None or record.due_at <= record.entered_at

    @invariant()
    def no_rung_is_skipped(self) -> None:
        for record in self.ladder.state.history:
            if record.reason in BY_TIME or record.reason is RungReason.NOBODY_AVAILABLE:
                self._check_way(record)

    def _check_way(self, record: RungRecord) -> None:
        """Between the rung left and the one entered stand only rungs that were passed over."""
        policy, entry = self.ladder.policy, record.from_rung
        if entry is None or record.clock is None:
            return
        rungs = policy.pack.ladder.rungs
        between = rungs[policy.height[entry] + 1 : policy.height[record.rung]]
        used_up = {
            name
            for name, visits in self.ladder.state.visits.items()
            if visits >= policy.rungs[name].max_visits
        }
        for rung in between:
            if record.reason in BY_TIME:
                assert rung.name in used_up
            else:
                # A clock of the lane may name a higher rung as its target: that skips nothing.
                assert rung.name in {*record.passed, *used_up} or rung.side is Side.OPERATOR

    @invariant()
    def paused_is_never_overdue(self) -> None:
        state = self.ladder.state
        for record in state.running():
            if is_paused(record, state):
                assert record.missed_at is None
        for found in deadlines(state, self.ladder.policy):
            if found.kind is DeadlineKind.CLOCK and found.at <= self.ladder.now:
                clock = state.clocks[found.position]
                # What was due before the pause began is late all the same.
                assert not is_paused(clock, state) or found.at <= _paused_since(clock, state)

    @invariant()
    def nothing_happens_after_the_end(self) -> None:
        state = self.ladder.state
        if state.stopped is not None:
            assert deadlines(state, self.ladder.policy) == []
            assert self.ladder.decisions[-1].wake_at is None
            assert state.running() == []
            assert state.open_offers() == []
            assert not any(pause.ended_at is None for pause in state.pauses)

    @invariant()
    def there_is_one_holder_or_none_and_everybody_heard_of_it(self) -> None:
        state = self.ladder.state
        holder = state.place.holder
        having = [record.staff_number for record in state.holders if record.until is None]
        assert having == ([] if holder is None else [holder.staff_number])
        changes = [event for event in self.ladder.events if isinstance(event, HolderChanged)]
        told = changes[-1].staff_number if changes else None
        assert told == (holder.staff_number if holder else None)
        if holder is not None:
            assert holder.staff_number not in {*state.recused, *state.complained_about}

    @invariant()
    def no_offer_is_taken_without_consent(self) -> None:
        for event in self.ladder.events[self.seen :]:
            if isinstance(event, OfferAccepted):
                assert self.ladder.state.consents.get("social") is True
        self.seen = len(self.ladder.events)
        assert all(
            offer.state is not OfferState.ACCEPTED or offer.rung == "social"
            for offer in self.ladder.state.offers
        )

    @invariant()
    def a_clock_runs_once(self) -> None:
        running = Counter(record.name for record in self.ladder.state.running())
        several = {name for name, number in running.items() if number > 1}
        assert {name for name in several if not name.startswith(("promise:", "action:"))} == set()

    @invariant()
    def an_open_case_is_never_silent(self) -> None:
        state = self.ladder.state
        if state.stopped is None and state.open_pause() is None:
            assert self.ladder.decisions[-1].wake_at is not None

    @invariant()
    def an_action_ends_once(self) -> None:
        asked = Counter(r.action_id for r in self.ladder.asked("action.requested"))
        assert max(asked.values(), default=1) == 1
        called_off = Counter(
            request.action_id
            for name in ("action.cancelled", "action.expired")
            for request in self.ladder.asked(name)
        )
        assert max(called_off.values(), default=1) == 1
        assert called_off.keys() <= asked.keys()

    def teardown(self) -> None:
        if self.ladder.document is not None:
            replayed = replay(self.ladder.journal(), self.ladder.policy)
            assert without_texts(replayed.state) == without_texts(self.ladder.state)


LadderMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestLadder = LadderMachine.TestCase
