"""What a pack may get wrong about its regimes, and the facts and acts that they ask for.

Owns these checks and their words. Where regimes lie is the loader's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.pack import Pack
from schemas.pack_checks import PackProblem
from schemas.regime import FactKind


def regime_problems(pack: Pack) -> Iterator[PackProblem]:
    """Every mistake about regimes that the model alone cannot see."""
    rungs = {rung.name for rung in pack.ladder.rungs}
    for position, rule in enumerate(pack.regimes):
        place = ("regimes", position)
        if rule.use not in pack.regime_files:
            found = f"there is no regime {rule.use!r}: put it into regimes/{rule.use}.yaml"
            yield PackProblem((*place, "use"), found)
        target = rule.on_breach.escalate_to
        if target is not None and target not in rungs:
            choice = ", ".join(sorted(rungs))
            found = f"there is no rung {target!r}: write one of {choice}"
            yield PackProblem((*place, "on_breach", "escalate_to"), found)
        if rule.on_breach.restart:
            found = "a statutory deadline is never begun anew by being missed: leave it out"
            yield PackProblem((*place, "on_breach", "restart"), found)


def acts_of(pack: Pack) -> frozenset[str]:
    """Everything that can be recorded as done for the regimes of a pack."""
    declared = {act for regime in pack.regime_files.values() for act in regime.acts}
    return frozenset(declared | {rule.begins_on for rule in pack.regimes if rule.begins_on})


def facts_of(pack: Pack) -> dict[str, FactKind]:
    """Every fact that the regimes of a pack ask for."""
    return {
        name: kind for regime in pack.regime_files.values() for name, kind in regime.facts.items()
    }


def dates_of_transaction(pack: Pack) -> frozenset[str]:
    """The facts that are the transaction's own date where nobody says otherwise."""
    return frozenset(
        name for regime in pack.regime_files.values() for name in regime.from_transaction
    )
