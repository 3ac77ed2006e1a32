"""Whether a group has anybody who could take a case: a question that decisions ask.

Owns the question's shape and the two answers that need no roster. What the roster answers is in
`availability`; what was answered is written down with the decision, so that it can be made again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Protocol


class Staffing(Protocol):
    """Answers for one group, between two instants; `until` None: at any time after `now`.

    `barred` are the staff numbers of those who may not hold the case.
    """

    def __call__(
        self, group: str, barred: Collection[str], now: datetime, until: datetime | None
    ) -> bool: ...


def everybody_is_there(
    group: str, barred: Collection[str], now: datetime, until: datetime | None
) -> bool:
    """What is taken for true where no roster binds."""
    return True


def as_written_down(answers: Iterable[str | None]) -> Staffing:
    """The answers that were given when the decision was made, in the same order.

    One group may be asked for twice, and be there in time for the one rung and not the other.
    """
    given = iter(answers)

    def answer(group: str, barred: Collection[str], now: datetime, until: datetime | None) -> bool:
        return next(given, None) is None

    return answer
