"""The forecast of one case: the script's acts and the policy's deadlines, in order, to the end.

Owns putting the two together, and what the channels of the pack make of the words that are owed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.pack import Notify
from services.local.demo.cast import DemoCase
from services.local.demo.expected.acts import carry_out
from services.local.demo.expected.deadlines import run_until
from services.local.demo.expected.ladder import (
    TO_AGENT,
    TO_AGENTS_INBOX,
    TO_CUSTOMER,
    TO_GROUP,
    Ladder,
    RungEntry,
)
from services.local.demo.expected.rules import Rules
from services.local.demo.plots import CHAT
from services.local.demo.script import Script

Told = tuple[str, str]
"""A template and the channel on which it goes."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a case must have gone when the demo is over."""

    case: DemoCase
    category: str
    status: str
    episode: int
    rung: str
    owner_group: str
    holder: str | None
    ladder_runs: bool
    offers: frozenset[str]
    contacts: int
    clocks_missed: int
    history: tuple[RungEntry, ...]
    told: Mapping[Told, int]


def forecast(case: DemoCase, script: Script, rules: Rules) -> Forecast:
    """What the policy says. Raises `UnforeseenError` where a plot is beyond this reading of it."""
    category = case.complaint.category
    ladder = Ladder(rules, category, rules.pack.categories[category].lane)
    acts = script.acts_of(case)
    for act in acts:
        run_until(ladder, act.at)
        carry_out(ladder, act)
    run_until(ladder, script.end)
    return _seen(case, ladder, contacts=1 + sum(act.do == CHAT for act in acts))


def _seen(case: DemoCase, ladder: Ladder, *, contacts: int) -> Forecast:
    return Forecast(
        case=case,
        category=ladder.category.value,
        status=ladder.status,
        episode=ladder.episode,
        rung=ladder.rung,
        owner_group=ladder.rules.group(ladder.rung, ladder.category),
        holder=ladder.holder,
        ladder_runs=ladder.running,
        offers=frozenset(ladder.offers),
        contacts=contacts,
        clocks_missed=ladder.clocks_missed,
        history=tuple(ladder.history),
        told=_deliveries(case, ladder),
    )


def _deliveries(case: DemoCase, ladder: Ladder) -> Counter[Told]:
    """One delivery per word and channel; a customer without a mail address gets no mail."""
    deliveries: Counter[Told] = Counter()
    for (template, whom), count in ladder.said.items():
        for channel in _channels(whom, ladder.rules.pack.notify):
            if whom != TO_CUSTOMER or channel != "email" or case.email is not None:
                deliveries[template, channel] += count
    return deliveries


def _channels(whom: str, notify: Notify) -> tuple[str, ...]:
    """An agent who has not said how is reached through the group, and in the own inbox."""
    return {
        TO_CUSTOMER: notify.customer,
        TO_GROUP: notify.group,
        TO_AGENT: (*notify.group, "in_app"),
        TO_AGENTS_INBOX: ("in_app",),
    }[whom]
