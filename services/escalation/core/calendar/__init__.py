"""Business time: calendars as data, and exact arithmetic on them.

`parse_calendar(plain)` reads a calendar, `compile_calendar(calendar)` makes it answer questions,
`segments(time, start, end)` explains an answer. Pure: no files, no clock.
"""

from services.escalation.core.calendar.business_days import BusinessDays, Roll
from services.escalation.core.calendar.business_time import (
    BusinessTime,
    Edge,
    Period,
    Transition,
    compile_calendar,
    intersection,
)
from services.escalation.core.calendar.days import Beyond, Why
from services.escalation.core.calendar.model import Calendar
from services.escalation.core.calendar.plain import parse_calendar
from services.escalation.core.calendar.segments import Segment, named, segments
from services.escalation.core.calendar.timeline import (
    EndlessError,
    NeverClosedError,
    NeverOpenError,
)
from services.escalation.core.calendar.window import InvalidCalendarError, Window

__all__ = [
    "Beyond",
    "BusinessDays",
    "BusinessTime",
    "Calendar",
    "Edge",
    "EndlessError",
    "InvalidCalendarError",
    "NeverClosedError",
    "NeverOpenError",
    "Period",
    "Roll",
    "Segment",
    "Transition",
    "Why",
    "Window",
    "compile_calendar",
    "intersection",
    "named",
    "parse_calendar",
    "segments",
]
