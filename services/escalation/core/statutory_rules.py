"""The clocks of a pack's regimes as the rules of a ladder: what a missed one leads to.

Owns their names in a case (`us-reg-e:correct_error`). When such a clock runs out is derived from
its regime, never from the rule's budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.pack import Pack, RegimeRule
from schemas.pack_clocks import Budget, ClockRule
from schemas.regime import Regime, Role, StatutoryClock


class Statute(NamedTuple):
    """A clock that cases run, with the regime and the pack's rule that it comes from."""

    rule: RegimeRule
    regime: Regime
    clock: StatutoryClock

    @property
    def name(self) -> str:
        """Under which a case runs it."""
        return f"{self.regime.name}:{self.clock.name}"


def statutes_of(pack: Pack) -> Iterator[Statute]:
    """Every deadline that the operator has to keep, in the order of the pack."""
    for rule in pack.regimes:
        regime = pack.regime_files[rule.use]
        for clock in regime.clocks:
            if clock.role is Role.DEADLINE and regime.kept_by == "operator":
                yield Statute(rule, regime, clock)


def statutory_rules(pack: Pack) -> dict[str, ClockRule]:
    """Each of them as the rule of a clock, by its name."""
    return {statute.name: _as_rule(statute) for statute in statutes_of(pack)}


def _as_rule(statute: Statute) -> ClockRule:
    clock = statute.clock
    steps = clock.ways[-1].count
    return ClockRule(
        name=clock.name,
        kind="statutory",
        starts_on=(),
        stops_on=clock.met_by,
        budget=Budget(
            amount=steps[0].amount if steps else 0,
            unit=steps[0].unit if steps else "calendar_days",
            calendar=statute.regime.calendar,
        ),
        end=clock.end,
        on_breach=statute.rule.on_breach,
        must_send=clock.must_send,
        citation=clock.citation,
        verified=clock.source_status.wording,
    )
