"""Whether two packs can lead a case to different places at all.

Owns which parts of a pack no ladder looks at, so that a case that a change does not touch is
played once and not twice: words, titles, versions, and lanes and categories that it never was in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from schemas.pack import Pack
from schemas.vocabulary import Category, Lane
from services.escalation.core.rehearsal.history import CLASSIFYING, History

_LOOKED_AT_BY_OTHERS: Final = frozenset(
    {
        "name",
        "version",
        "title",
        "collapse_window",
        "collapse_category_window",
        "match",
        "groups",
        "notify",
    }
)
_BY_CASE: Final = frozenset({"categories", "lanes"})

_Touched = tuple[frozenset[Category], frozenset[Lane]]


@dataclass
class Likeness:
    """An old and a new pack held against each other, once for each kind of case."""

    old: Pack
    new: Pack
    _known: dict[_Touched, bool] = field(default_factory=dict)

    def holds_for(self, history: History) -> bool:
        """Whether the case goes the same way under both packs, whatever it is that happened."""
        said = [entry.data for entry in history.entries if entry.name in CLASSIFYING]
        touched = (
            frozenset(Category(data["category"]) for data in said),
            frozenset(Lane(data["lane"]) for data in said),
        )
        if touched not in self._known:
            self._known[touched] = self._alike and self._treats_alike(*touched)
        return self._known[touched]

    @cached_property
    def _alike(self) -> bool:
        """Whether all is equal that every ladder looks at."""
        parts = Pack.model_fields.keys() - _LOOKED_AT_BY_OTHERS - _BY_CASE
        return all(getattr(self.old, part) == getattr(self.new, part) for part in parts)

    def _treats_alike(self, categories: frozenset[Category], lanes: frozenset[Lane]) -> bool:
        return all(self.old.lanes[lane] == self.new.lanes[lane] for lane in lanes) and all(
            _found(self.old, category) == _found(self.new, category) for category in categories
        )


def _found(pack: Pack, category: Category) -> tuple[object, ...]:
    rule = pack.categories[category]
    return rule.severity, rule.lane
