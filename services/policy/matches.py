"""Which `match` rules of one or several packs take the same cases, over all facts that have words.

Owns the enumeration: every combination of the words that the rules ask about. What they ask
beside those (amounts, facts) is left open: a rule is then met, not met, or it depends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Final

from schemas.conditions import CHOICES, compile_condition, mentions
from schemas.pack_checks import PackProblem
from services.policy.findings import Finding, Kind
from services.policy.loading import ReadPolicy

_ENUMERATED: Final[Mapping[str, tuple[Any, ...]]] = {
    **CHOICES,
    "import_mode": ("", *CHOICES["import_mode"]),
    "identity_verified": (True, False),
}
_MEETS, _MAY_MEET, _NEVER_MEETS = True, None, False


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, and for each combination whether it is met (None: it depends on more)."""

    source: ReadPolicy
    position: int
    name: str
    met: tuple[bool | None, ...]

    @property
    def title(self) -> str:
        return f"{self.source.pack.name}/{self.name}"

    def always(self) -> bool:
        """Whether it takes whatever comes."""
        return all(met is _MEETS for met in self.met)


def match_findings(policies: Sequence[ReadPolicy]) -> Iterator[tuple[ReadPolicy, Finding]]:
    """Rules that can never take a case, and rules that overlap without one being the narrower."""
    names = _asked_about(policies)
    cases = [
        dict(zip(names, words, strict=True))
        for words in product(*(_ENUMERATED[name] for name in names))
    ]
    rules = list(_rules(policies, cases))
    for position, rule in enumerate(rules):
        found = _never_taken(rule, rules[:position])
        if found is not None:
            yield rule.source, _at(rule, Kind.UNREACHABLE_MATCH, found)
    for earlier, later in combinations(rules, 2):
        found = _overlap(earlier, later, cases)
        if found is not None:
            yield later.source, _at(later, Kind.OVERLAPPING_MATCHES, found)


def _asked_about(policies: Sequence[ReadPolicy]) -> list[str]:
    texts = [rule.when for policy in policies for rule in policy.pack.match]
    return [name for name in _ENUMERATED if any(mentions(text, name) for text in texts)]


def _rules(policies: Sequence[ReadPolicy], cases: Sequence[Mapping[str, Any]]) -> Iterator[_Rule]:
    for policy in policies:
        for position, rule in enumerate(policy.pack.match):
            condition = compile_condition(rule.when)
            verdicts = (condition.judge(case) for case in cases)
            met = tuple(_MAY_MEET if each.failure else each.met for each in verdicts)
            yield _Rule(policy, position, rule.name, met)


def _never_taken(rule: _Rule, before: Sequence[_Rule]) -> str | None:
    if all(met is _NEVER_MEETS for met in rule.met):
        return f"no case meets {rule.title}: its parts contradict each other"
    open_to = [index for index, met in enumerate(rule.met) if met is not _NEVER_MEETS]
    takers = [[index for index in open_to if other.met[index] is _MEETS] for other in before]
    if set().union(*takers) != set(open_to):
        return None
    alone = [other.title for other, taken in zip(before, takers, strict=True) if taken == open_to]
    who = alone[0] if alone else "the rules"
    return f"{rule.title} never takes a case: {who} before it would have taken it"


def _overlap(earlier: _Rule, later: _Rule, cases: Sequence[Mapping[str, Any]]) -> str | None:
    """Where both take a case and neither is a narrower case of the other, set before it."""
    both = [i for i, met in enumerate(earlier.met) if met is _MEETS and later.met[i] is _MEETS]
    narrower = all(
        later.met[index] is _MEETS for index, met in enumerate(earlier.met) if met is not False
    )
    hidden = all(earlier.met[index] is _MEETS for index, met in enumerate(later.met) if met)
    if not both or narrower or hidden or later.always():
        return None
    words = {name: value for name, value in cases[both[0]].items() if value != ""}
    example = ", ".join(f"{name} {value!r}" for name, value in words.items())
    return (
        f"{later.title} and {earlier.title} both take {len(both)} of {len(cases)} kinds of cases, "
        f"such as {example}: {earlier.title} comes first and gets them"
    )


def _at(rule: _Rule, kind: Kind, message: str) -> Finding:
    return Finding(kind, PackProblem(("match", rule.position, "when"), message))
