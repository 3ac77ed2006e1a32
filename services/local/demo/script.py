"""The script of a demo: who does what at which instant, in order.

Owns turning the steps of plots into acts. Carries nothing out, and knows nothing of the policy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.local.demo.cast import DemoCase
from services.local.demo.plots import CUSTOMER, Instants, PlotBook, Step, spoken

REPORT: Final = "report"
_INSTANTS: Final = frozenset({"by_when", "until"})


@dataclass(frozen=True, slots=True)
class Act:
    """One case is acted upon: `do` is `report` or what a step says; `body` is ready to send."""

    at: datetime
    case: DemoCase
    do: str
    by: dict[str, str]
    body: dict[str, Any]
    number: int
    """Its place among the case's acts: with the case it names the act once and for ever."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that people do at one instant, by case and in each case's order."""

    at: datetime
    acts: tuple[tuple[Act, ...], ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A whole demo, from `start` to `end`."""

    start: datetime
    end: datetime
    cases: tuple[DemoCase, ...]
    moments: tuple[Moment, ...]

    def acts_of(self, case: DemoCase) -> list[Act]:
        """What is done about one case, in order."""
        return [
            act
            for moment in self.moments
            for acts in moment.acts
            for act in acts
            if act.case is case
        ]


def write_script(book: PlotBook, cases: tuple[DemoCase, ...], zone: ZoneInfo) -> Script:
    """The script of these cases."""
    instants = Instants(zone)
    acts = [act for case in cases for act in _acts(book, case, instants)]
    acts.sort(key=lambda act: act.at)
    moments = tuple(_moment(at, now) for at, now in groupby(acts, key=lambda act: act.at))
    return Script(instants.read(book.start), instants.read(book.end), cases, moments)


def _moment(at: datetime, acts: Iterable[Act]) -> Moment:
    by_case = sorted(acts, key=lambda act: (act.case.number, act.number))
    each = groupby(by_case, key=lambda act: act.case.number)
    return Moment(at, tuple(tuple(of_case) for _, of_case in each))


def _acts(book: PlotBook, case: DemoCase, instants: Instants) -> list[Act]:
    customer = {"role": "customer", "id": case.customer_id}
    opening = Act(case.wave_at, case, REPORT, customer, case.report, 0)
    return [opening] + [
        _act(book, case, step, number, instants)
        for number, step in enumerate(case.plot.steps, start=1)
    ]


def _act(book: PlotBook, case: DemoCase, step: Step, number: int, instants: Instants) -> Act:
    if step.by == CUSTOMER:
        by = {"role": "customer", "id": case.customer_id}
    else:
        agent = book.agents[step.by]
        by = {"role": "agent", "id": agent.id, "name": agent.name}
    body = spoken(step.body, book.texts, case.language)
    read = {
        name: instants.read(body[name], case.wave_at).isoformat()
        for name in _INSTANTS & body.keys()
    }
    return Act(instants.read(step.at, case.wave_at), case, step.do, by, body | read, number)
