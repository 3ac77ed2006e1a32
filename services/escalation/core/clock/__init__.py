"""Clocks: a budget and a ledger, from which due instants are derived (design rule 6).

`start` begins one; `pause`, `resume`, `stop`, `reopen` and `extend` enter the ledger; `due`,
`remaining`, `thresholds` and `explain` read it against its calendar; `to_json` and `from_json`
carry it. Pure: every instant comes in as an argument.
"""

from services.escalation.core.clock.budget import (
    Budget,
    Unit,
    business,
    elapsed,
    format_duration,
    parse_budget,
    parse_duration,
)
from services.escalation.core.clock.dates import offset_from
from services.escalation.core.clock.due import Due, WrongCalendarError, due, next_due
from services.escalation.core.clock.explanation import Step, explain
from services.escalation.core.clock.ledger import (
    CLOSED,
    Change,
    Entry,
    extend,
    pause,
    reopen,
    resume,
    start,
    stop,
)
from services.escalation.core.clock.levels import level_reached, raised
from services.escalation.core.clock.measure import (
    elapsed_time,
    paused,
    percent_elapsed,
    remaining,
    thresholds,
    time_left,
)
from services.escalation.core.clock.model import (
    ANY_REASON,
    Clock,
    ClockSpec,
    ClockState,
    EndRule,
    Extension,
    Kind,
    Pause,
    open_pause,
    state_at,
)
from services.escalation.core.clock.update import Sender, UpdateRule, after_message
from services.escalation.core.clock.wire import (
    from_json,
    spec_from_json,
    spec_to_json,
    to_json,
)

__all__ = [
    "ANY_REASON",
    "CLOSED",
    "Budget",
    "Change",
    "Clock",
    "ClockSpec",
    "ClockState",
    "Due",
    "EndRule",
    "Entry",
    "Extension",
    "Kind",
    "Pause",
    "Sender",
    "Step",
    "Unit",
    "UpdateRule",
    "WrongCalendarError",
    "after_message",
    "business",
    "due",
    "elapsed",
    "elapsed_time",
    "explain",
    "extend",
    "format_duration",
    "from_json",
    "level_reached",
    "next_due",
    "offset_from",
    "open_pause",
    "parse_budget",
    "parse_duration",
    "pause",
    "paused",
    "percent_elapsed",
    "raised",
    "remaining",
    "reopen",
    "resume",
    "spec_from_json",
    "spec_to_json",
    "start",
    "state_at",
    "stop",
    "thresholds",
    "time_left",
    "to_json",
]
