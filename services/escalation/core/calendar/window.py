"""Opening windows of a local day, in wall-clock seconds after its midnight.

Owns: the window value, its text form ("09:00" to "24:00", overnight when it closes at or before
it opens), union and subtraction of windows. Never does: dates, zones or instants.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

DAY_S: Final = 86_400

_CLOCK_TIME: Final = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?")


class InvalidCalendarError(ValueError):
    """Calendar data that cannot mean anything; the message names the part and what is wrong."""


class Window(NamedTuple):
    """Half-open wall-clock range `[opens_s, closes_s)` in seconds after the start day's midnight.

    `closes_s` goes up to 48 hours, because an overnight window belongs to the day it starts on.
    """

    opens_s: int
    closes_s: int


def parse_clock_time_s(text: str) -> int:
    """Seconds after midnight of "HH:MM" or "HH:MM:SS"; "24:00" is allowed."""
    match = _CLOCK_TIME.fullmatch(text)
    hour, minute, second = (int(part or 0) for part in match.groups()) if match else (99, 0, 0)
    seconds = hour * 3600 + minute * 60 + second
    if minute > 59 or second > 59 or seconds > DAY_S:
        raise InvalidCalendarError(f"{text!r} is not a time of day between 00:00 and 24:00")
    return seconds


def format_clock_time(seconds: int) -> str:
    """The text `parse_clock_time_s` reads, with seconds only where there are any."""
    hour, rest = divmod(seconds, 3600)
    minute, second = divmod(rest, 60)
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def parse_window(pair: Sequence[str]) -> Window:
    """A window from ["opens", "closes"]; closing before opening means the next day."""
    if isinstance(pair, str) or len(pair) != 2:
        raise InvalidCalendarError(f"{pair!r} is not a pair of opening and closing time")
    opens_s, closes_s = parse_clock_time_s(pair[0]), parse_clock_time_s(pair[1])
    if opens_s in (closes_s, DAY_S):
        raise InvalidCalendarError(f"{pair[0]} to {pair[1]} is an empty window")
    return Window(opens_s, closes_s if closes_s > opens_s else closes_s + DAY_S)


def format_window(window: Window) -> list[str]:
    """The pair `parse_window` reads."""
    overnight = window.closes_s > DAY_S
    closes_s = window.closes_s - DAY_S if overnight else window.closes_s
    return [format_clock_time(window.opens_s), format_clock_time(closes_s)]


def parse_windows(pairs: Sequence[Sequence[str]]) -> tuple[Window, ...]:
    """Windows of one day, sorted; overlapping ones are refused because they hide a typing error."""
    windows = sorted(parse_window(pair) for pair in pairs)
    for earlier, later in pairwise(windows):
        if later.opens_s < earlier.closes_s:
            raise InvalidCalendarError(f"{format_window(earlier)} overlaps {format_window(later)}")
    return tuple(windows)


def union(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same open time as sorted windows that neither overlap nor touch."""
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.opens_s <= merged[-1].closes_s:
            merged[-1] = Window(merged[-1].opens_s, max(merged[-1].closes_s, window.closes_s))
        else:
            merged.append(window)
    return tuple(merged)


def subtract(windows: Iterable[Window], cut: Window) -> tuple[Window, ...]:
    """What remains of `windows` outside `cut`."""
    remaining: list[Window] = []
    for window in windows:
        before = Window(window.opens_s, min(window.closes_s, cut.opens_s))
        after = Window(max(window.opens_s, cut.closes_s), window.closes_s)
        remaining += [piece for piece in (before, after) if piece.opens_s < piece.closes_s]
    return tuple(remaining)


def shift(window: Window, by_s: int) -> Window:
    """The window as seen from a midnight `by_s` seconds earlier."""
    return Window(window.opens_s + by_s, window.closes_s + by_s)
