"""The two meanings of "next update".

Owns: when a message starts, restarts or ends an update clock. (a) answer the customer: runs from
the first unanswered customer message, more messages do not move it, a public agent message ends
it. (b) keep the customer informed: every public agent message starts it anew.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from services.escalation.core.clock.ledger import start, stop
from services.escalation.core.clock.model import Clock, ClockSpec, open_pause

ANSWERED = "answered"


class UpdateRule(StrEnum):
    """What an update clock promises."""

    ANSWER_CUSTOMER = "answer_customer"
    KEEP_INFORMED = "keep_informed"


class Sender(StrEnum):
    """Who spoke, in public."""

    CUSTOMER = "customer"
    AGENT = "agent"


def after_message(
    clock: Clock | None,
    rule: UpdateRule,
    sender: Sender,
    at: datetime,
    fresh: tuple[ClockSpec, str],
) -> Clock | None:
    """The update clock after a message; None: still none.

    `fresh` is the spec and calendar digest for a clock that begins now. A clock that begins while
    its predecessor is paused begins paused.
    """
    if rule is UpdateRule.ANSWER_CUSTOMER:
        return _answer(clock, sender, at, fresh)
    if rule is UpdateRule.KEEP_INFORMED:
        return _inform(clock, sender, at, fresh)
    assert_never(rule)


def _answer(
    clock: Clock | None, sender: Sender, at: datetime, fresh: tuple[ClockSpec, str]
) -> Clock | None:
    running = clock is not None and clock.stopped_at is None
    if sender is Sender.CUSTOMER:
        return clock if running else _restarted(clock, at, fresh)
    return stop(clock, at, ANSWERED).clock if clock is not None else None


def _inform(
    clock: Clock | None, sender: Sender, at: datetime, fresh: tuple[ClockSpec, str]
) -> Clock | None:
    if clock is None or sender is Sender.AGENT:
        return _restarted(clock, at, fresh)
    return clock


def _restarted(clock: Clock | None, at: datetime, fresh: tuple[ClockSpec, str]) -> Clock:
    begun = start(fresh[0], at, fresh[1])
    held = open_pause(clock, at) if clock is not None and clock.stopped_at is None else None
    return begun if held is None else replace(begun, pauses=(replace(held, start=at),))
