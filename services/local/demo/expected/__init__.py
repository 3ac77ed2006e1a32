"""What the policy says should happen in the demo, worked out without the engine.

A second reading of the pack, much smaller than the engine: it shares the pack's model and the
calendar's arithmetic with it, and nothing else. `forecast` is its one entry.
"""

from services.local.demo.expected.forecast import Forecast, Told, forecast
from services.local.demo.expected.ladder import RungEntry
from services.local.demo.expected.rules import Rules, UnforeseenError, read_rules

__all__ = [
    "Forecast",
    "Rules",
    "RungEntry",
    "Told",
    "UnforeseenError",
    "forecast",
    "read_rules",
]
